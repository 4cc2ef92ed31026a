/**
 * The states of all actors, folded from the journal alone with the actors' definitions, never taken from running
 * actors. The other checks look up an actor's state here, current or after a given entry.
 */
import { Schema } from "effect"
import type { ActorDefinition, Timer, ViewDefinition } from "../../actor/Actor.ts"
import * as Codec from "../../actor/state/Codec.ts"
import * as ViewCodec from "../../actor/state/ViewCodec.ts"
import { readingBox } from "../world/SimulatedSecrets.ts"
import type { StoredRow } from "../store/Database.ts"

/** The parts of an actor's definition that the checks need, whatever its types. */
export interface AnyDefinition extends Pick<
  ActorDefinition<string, never, unknown, { readonly _tag: string }>,
  "stateVersion"
> {
  readonly entity: { readonly type: string; readonly protocol: unknown }
  readonly state: unknown
  readonly event: unknown
  readonly initial: (entityId: string) => unknown
  readonly evolve: (state: never, event: never) => unknown
  readonly timers?: ((state: never) => ReadonlyArray<Timer>) | undefined
  readonly activities?: ((state: never) => ReadonlyArray<unknown>) | undefined
  readonly view?: ViewDefinition<any, any> | undefined
}

interface FoldCodec extends Pick<Codec.ActorCodec<unknown, { readonly _tag: string }>, "command" | "decodeEvent"> {
  /** The state as JSON, with its secrets in clear. */
  readonly clearState: (state: unknown) => unknown
  /** A stored state, with its secrets in clear. */
  readonly openState: (stored: unknown, entityId: string) => unknown
}

const codecOf = (definition: AnyDefinition): FoldCodec => {
  const schema = definition.state as Schema.Top
  return {
    ...Codec.make<unknown, { readonly _tag: string }>(definition as never, readingBox),
    clearState: Schema.encodeUnknownSync(Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>),
    openState: Codec.sealings(definition as never, readingBox).state?.open ?? ((stored) => stored)
  }
}

export interface Fold {
  readonly entityId: string
  readonly definition: AnyDefinition
  readonly codec: FoldCodec
  readonly encodeView: ViewCodec.EncodeView | undefined
  /** Undefined while nothing of the actor is in the journal. */
  shardId: string | undefined
  state: unknown
  seq: number
  /** States by `seq`, from the initial one; empty for entity types whose states are not kept. */
  readonly states: Array<{ readonly state: unknown; readonly committedAt: number }>
}

export class FoldedStates {
  readonly actors = new Map<string, Fold>()
  /** The timers that were set before each row of the last observation; empty for the row of a request. */
  readonly timersBefore = new Map<StoredRow, ReadonlyArray<Timer>>()
  readonly #definitions: ReadonlyMap<string, AnyDefinition>
  readonly #codecs: ReadonlyMap<string, Pick<Fold, "codec" | "encodeView">>
  readonly #keepStates: ReadonlySet<string>

  constructor(definitions: ReadonlyArray<AnyDefinition>, keepStates: ReadonlySet<string>) {
    this.#definitions = new Map(definitions.map((definition) => [definition.entity.type, definition]))
    this.#codecs = new Map(
      definitions.map((definition) => [
        definition.entity.type,
        {
          codec: codecOf(definition),
          encodeView: definition.view && ViewCodec.make(definition.view)
        }
      ])
    )
    this.#keepStates = keepStates
  }

  of(entityType: string, entityId: string): Fold | undefined {
    const definition = this.#definitions.get(entityType)
    if (definition === undefined) return undefined
    const key = `${entityType}/${entityId}`
    let fold = this.actors.get(key)
    if (fold === undefined) {
      const state = definition.initial(entityId)
      fold = { entityId, definition, ...this.#codecs.get(entityType)!, shardId: undefined, state, seq: 0, states: [] }
      if (this.#keepStates.has(entityType)) fold.states.push({ state, committedAt: -Infinity })
      this.actors.set(key, fold)
    }
    return fold
  }

  /** Folds the rows that were committed since the last observation. */
  take(fresh: ReadonlyArray<StoredRow>): void {
    this.timersBefore.clear()
    for (const row of fresh) this.#add(row)
  }

  #add(row: StoredRow): void {
    const fold = this.of(row.entityType, row.entityId)
    if (fold === undefined) return
    this.timersBefore.set(row, row.requestId === null ? (fold.definition.timers?.(fold.state as never) ?? []) : [])
    for (const event of row.events)
      fold.state = fold.definition.evolve(fold.state as never, fold.codec.decodeEvent(event, fold.entityId) as never)
    fold.seq = row.seq
    fold.shardId = row.shardId
    if (fold.states.length > 0) fold.states.push({ state: fold.state, committedAt: row.committedAt })
  }
}
