/** The shards that this runner holds and the epoch of each. The runner storage writes them, every actor reads them. */
import { Clock, Context, Effect, Layer, PubSub, Stream } from "effect"
import { changesHeld, Ownership, type OwnershipChange } from "../../actor/Ownership.ts"

export class OwnedShards extends Context.Service<
  OwnedShards,
  {
    readonly gained: (
      shards: ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>
    ) => Effect.Effect<void>
    readonly lost: (shardIds: ReadonlyArray<string>) => Effect.Effect<void>
    /** The epoch under which this runner acquired the shard, whether or not its lease still holds. */
    readonly epochOf: (shardId: string) => number | undefined
    /**
     * Sets when the lease expires, in Unix milliseconds by the local clock, counted from before the lease was
     * requested.
     */
    readonly leaseUntil: (at: number) => void
    /**
     * Whether the lease holds by the local clock. While it does, no other runner takes what is held, unless a peer has
     * found this runner dead.
     */
    readonly leaseHolds: () => boolean
  }
>()("clawster/shards/leases/OwnedShards") {}

/**
 * `Ownership` honours the lease only while the local clock says that it holds: a runner that was frozen past its lease
 * answers nothing until it has renewed it.
 */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const epochs = new Map<string, number>()
    const changes = yield* PubSub.sliding<OwnershipChange>(changesHeld)
    let leaseUntil = 0
    const leaseHolds = () => clock.currentTimeMillisUnsafe() < leaseUntil

    const lost = (shardIds: ReadonlyArray<string>) =>
      Effect.suspend(() => {
        const gone = shardIds.filter((shardId) => epochs.delete(shardId))
        return gone.length === 0 ? Effect.void : PubSub.publish(changes, { acquired: [], lost: gone })
      })

    return Context.make(OwnedShards, {
      gained: (shards) =>
        Effect.suspend(() => {
          for (const { epoch, shardId } of shards) epochs.set(shardId, epoch)
          return shards.length === 0
            ? Effect.void
            : PubSub.publish(changes, { acquired: shards.map(({ shardId }) => shardId), lost: [] })
        }),
      lost,
      epochOf: (shardId) => epochs.get(shardId),
      leaseUntil: (at) => {
        leaseUntil = at
      },
      leaseHolds
    }).pipe(
      Context.add(Ownership, {
        epochOf: (shardId) => (leaseHolds() ? epochs.get(shardId) : undefined),
        changes: Stream.fromPubSub(changes),
        owned: Effect.sync(() => [...epochs.keys()])
      })
    )
  })
)
