/**
 * Takes the snapshots that the pruning of quiet actors' history waits for. A busy actor takes one every so many
 * entries; one that has few, or that has ended, never gets there by itself.
 *
 * It is on no commit's path: an actor is loaded once and written once for as long as history is kept, whether it is in
 * memory or not. Only the owner of its shard does it, under its epoch, and what it writes is the fold of what is
 * committed.
 */
import { Effect, Option } from "effect"
import { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import * as Codec from "../../actor/state/Codec.ts"
import { type ActorAddress, Journal } from "../../actor/Journal.ts"
import { load } from "../../actor/state/Load.ts"
import { Ownership } from "../../actor/Ownership.ts"

const actorsAtOnce = 4

/**
 * Success, whatever became of each: what has no snapshot yet keeps its history, and is tried again. Without actors here
 * it does nothing.
 */
export type Compact = (addresses: ReadonlyArray<ActorAddress>) => Effect.Effect<void>

export const make = Effect.gen(function* () {
  const actors = Option.all([
    yield* Effect.serviceOption(ActorDirectory),
    yield* Effect.serviceOption(Journal),
    yield* Effect.serviceOption(Ownership)
  ])
  if (Option.isNone(actors)) return (() => Effect.void) satisfies Compact
  const [directory, journal, ownership] = actors.value

  const compact = Effect.fnUntraced(function* (address: ActorAddress) {
    const { entityType, shardId } = address
    const definition = directory.definitionOf(entityType)
    const epoch = ownership.epochOf(shardId)
    if (definition === undefined || epoch === undefined) return
    const codec = Codec.make<unknown, { readonly _tag: string }>(definition)
    const {
      memory: { seq, state }
    } = yield* load(journal, definition, codec, address)
    yield* journal.saveSnapshot(address, epoch, {
      seq,
      version: definition.stateVersion,
      state: codec.encodeState(state),
      ended: definition.isEnded?.(state) ?? false
    })
  })

  return ((addresses) =>
    Effect.forEach(
      addresses,
      (address) =>
        compact(address).pipe(
          Effect.catchCause((cause) => Effect.logWarning("An actor's history cannot be pruned yet", cause)),
          Effect.annotateLogs({ entityType: address.entityType, entityId: address.entityId })
        ),
      { concurrency: actorsAtOnce, discard: true }
    )) satisfies Compact
})
