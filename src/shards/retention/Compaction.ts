/**
 * Takes the snapshots that the pruning of quiet actors' history needs. A busy actor takes a snapshot every so many
 * entries; an actor that has few entries, or that has ended, never gets there by itself.
 *
 * Compaction is not on the path of commits: an actor is loaded once and written once per retention period, whether it
 * is resident or not. Only the owner of its shard compacts it, under the shard's epoch, and the snapshot is the fold of
 * committed entries.
 */
import { Effect, Option } from "effect"
import { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import * as Codec from "../../actor/state/Codec.ts"
import { type ActorAddress, Journal } from "../../actor/Journal.ts"
import { load } from "../../actor/state/Load.ts"
import { Ownership } from "../../actor/Ownership.ts"
import { SecretBox } from "../../actor/SecretBox.ts"

const actorsAtOnce = 4

/**
 * Takes a snapshot of each actor. Always succeeds: an actor whose snapshot failed keeps its history, and a later sweep
 * tries it again. Does nothing in a process that serves no actors.
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
  const codecOf = Codec.perDefinition(yield* SecretBox)

  const compact = Effect.fnUntraced(function* (address: ActorAddress) {
    const { entityType, shardId } = address
    const definition = directory.definitionOf(entityType)
    const epoch = ownership.epochOf(shardId)
    if (definition === undefined || epoch === undefined) return
    const codec = codecOf(definition)
    const {
      memory: { seq, state }
    } = yield* load(journal, definition, codec, address)
    yield* journal.saveSnapshot(address, epoch, {
      seq,
      version: definition.stateVersion,
      state: codec.encodeState(state, address.entityId),
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
