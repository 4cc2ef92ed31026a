/**
 * Ownership for one process and its tests: it owns every shard it is asked about, under an epoch that `revoke` raises.
 */
import { Context, Effect, Layer, PubSub, Stream } from "effect"
import { MemoryStore } from "./MemoryJournal.ts"
import { changesHeld, Ownership, type OwnershipChange } from "../Ownership.ts"

export class MemoryOwnershipControl extends Context.Service<
  MemoryOwnershipControl,
  {
    /**
     * Raises the shard's epoch, as if another runner had taken the shard and this one had reacquired it. Activations of
     * the old epoch are fenced.
     */
    readonly revoke: (shardId: string) => Effect.Effect<void>
  }
>()("clawster/actor/MemoryOwnershipControl") {}

export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const store = yield* MemoryStore
    const changes = yield* PubSub.sliding<OwnershipChange>(changesHeld)
    const owned = new Map<string, number>()
    const grant = (shardId: string): number => {
      const epoch = (store.epochs.get(shardId) ?? 0) + 1
      store.epochs.set(shardId, epoch)
      owned.set(shardId, epoch)
      return epoch
    }
    return Context.make(Ownership, {
      epochOf: (shardId) => owned.get(shardId) ?? grant(shardId),
      changes: Stream.fromPubSub(changes),
      owned: Effect.sync(() => [
        ...new Set([...owned.keys(), ...[...store.actors.values()].map(({ address }) => address.shardId)])
      ])
    }).pipe(
      Context.add(MemoryOwnershipControl, {
        revoke: (shardId) =>
          Effect.suspend(() => {
            grant(shardId)
            return PubSub.publish(changes, { acquired: [shardId], lost: [] })
          })
      })
    )
  })
)
