/** Which shards this runner owns, and under which epoch. Written by the runner storage, read by every actor. */
import { Context, type Effect, type Stream } from "effect"

/** Shards that this runner acquired and lost in one step. */
export interface OwnershipChange {
  readonly acquired: ReadonlyArray<string>
  readonly lost: ReadonlyArray<string>
}

/** Changes buffered for a subscriber of `changes`. When more are pending it misses the oldest. */
export const changesHeld = 256

export class Ownership extends Context.Service<
  Ownership,
  {
    /**
     * Epoch under which this runner owns the shard. Undefined when it does not own the shard, or when its lease has
     * expired by the local clock; then no command may be answered.
     */
    readonly epochOf: (shardId: string) => number | undefined
    /**
     * Changes from the time of subscription on. They are only a hint: a subscriber that falls behind misses some, and
     * must also poll `owned`.
     */
    readonly changes: Stream.Stream<OwnershipChange>
    /** Shards held now. Unlike `epochOf` it may include shards whose lease has expired. */
    readonly owned: Effect.Effect<ReadonlyArray<string>>
  }
>()("clawster/actor/Ownership") {}
