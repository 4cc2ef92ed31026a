/** The resource that the decisions of one loaded actor get. */
import { Effect } from "effect"
import type { ResourceDefinition, RowWrite } from "../Actor.ts"
import { type ActorAddress, CommitFailed, type StoreUnavailable } from "../Journal.ts"
import { resourceUse } from "../Resources.ts"
import type { LoadResource } from "./ResourceLoader.ts"

export interface NextResource {
  readonly key: string | undefined
  readonly value: unknown
  readonly rows: ReadonlyArray<RowWrite>
}

export class CurrentResource {
  #key: string | undefined
  value: unknown
  readonly #address: ActorAddress
  readonly #keyOf: (state: any) => string | undefined
  readonly #load: LoadResource

  constructor(address: ActorAddress, definition: ResourceDefinition<any, any>, load: LoadResource) {
    this.#address = address
    this.#keyOf = definition.keyOf
    this.#load = load
  }

  isOther(state: unknown): boolean {
    return this.#keyOf(state) !== this.#key
  }

  /** Loads the resource of a state that is committed. Dies when it is missing. */
  start(state: unknown): Effect.Effect<void, StoreUnavailable> {
    const missing = () => {
      const { entityId, entityType } = this.#address
      return Effect.die(new Error(`the resource ${this.#keyOf(state)} of ${entityType} ${entityId} is not stored`))
    }
    return this.#read(state).pipe(
      Effect.map((next) => this.become(next)),
      Effect.catchTag("ResourceMissing", missing)
    )
  }

  /**
   * The resource of a state that is about to be committed. Fails with `Refused` when it is missing: the command that
   * names it is refused, and nothing of it is stored.
   */
  next(state: unknown): Effect.Effect<NextResource, StoreUnavailable | CommitFailed> {
    return Effect.catchTag(this.#read(state), "ResourceMissing", ({ key }) =>
      Effect.fail(new CommitFailed({ reason: "Refused", message: `no resource is stored as ${key}; put it first` }))
    )
  }

  become({ key, value }: NextResource): void {
    this.#key = key
    this.value = value
  }

  #read(state: unknown) {
    const key = this.#keyOf(state)
    const rows = resourceUse(this.#address, key)
    const value = key === undefined ? Effect.undefined : this.#load(key)
    return Effect.map(value, (value): NextResource => ({ key, value, rows }))
  }
}
