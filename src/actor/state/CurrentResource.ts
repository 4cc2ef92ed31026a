/** The resource that the decisions of one loaded actor get. */
import { Effect } from "effect"
import type { ResourceDefinition } from "../Actor.ts"
import { type ActorAddress, CommitFailed, type StoreUnavailable } from "../Journal.ts"
import type { ResourceLoader } from "./ResourceLoader.ts"

export interface NextResource {
  readonly key: string | undefined
  readonly value: unknown
}

export class CurrentResource {
  value: unknown
  readonly #address: ActorAddress
  readonly #keyOf: (state: any) => string | undefined
  readonly #loader: ResourceLoader

  constructor(address: ActorAddress, definition: ResourceDefinition<any, any>, loader: ResourceLoader) {
    this.#address = address
    this.#keyOf = definition.keyOf
    this.#loader = loader
  }

  /** Loads the resource of a state that is committed. Dies when it is missing. */
  start(state: unknown): Effect.Effect<void, StoreUnavailable> {
    const key = this.#keyOf(state)
    if (key === undefined) return Effect.void
    const { entityId, entityType } = this.#address
    return this.#loader.load(key).pipe(
      Effect.map((value) => void (this.value = value)),
      Effect.catchTag("ResourceMissing", () =>
        Effect.die(new Error(`the resource ${key} of ${entityType} ${entityId} is not stored`))
      )
    )
  }

  /**
   * The resource of a state that is about to be committed. Fails with `Refused` when it is missing: the command that
   * names it is refused, and nothing of it is stored.
   */
  next(state: unknown): Effect.Effect<NextResource, StoreUnavailable | CommitFailed> {
    const key = this.#keyOf(state)
    if (key === undefined) return Effect.succeed({ key, value: undefined })
    return this.#loader.keep(key).pipe(
      Effect.andThen(this.#loader.load(key)),
      Effect.map((value) => ({ key, value })),
      Effect.catchTag("ResourceMissing", () =>
        Effect.fail(new CommitFailed({ reason: "Refused", message: `no resource is stored as ${key}; put it first` }))
      )
    )
  }
}
