/** Which shards this runner owns, and under which epoch. Kept by the runner storage, read by every actor. */
import { Context, type Effect, type Stream } from "effect"

export interface OwnershipChange {
  readonly acquired: ReadonlyArray<string>
  readonly lost: ReadonlyArray<string>
}

/** Changes that a follower has not taken: beyond, it misses the oldest. */
export const changesHeld = 256

export class Ownership extends Context.Service<
  Ownership,
  {
    /**
     * Undefined when the shard is not ours, or our lease has run out as far as we can tell: then nothing may be
     * answered.
     */
    readonly epochOf: (shardId: string) => number | undefined
    /** From now on. A hint: who falls far behind misses some, and looks at `owned` now and then. */
    readonly changes: Stream.Stream<OwnershipChange>
    readonly owned: Effect.Effect<ReadonlyArray<string>>
  }
>()("clawster/actor/Ownership") {}
