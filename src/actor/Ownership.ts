/** Which shards this runner owns, and under which epoch. Kept by the runner storage, read by every actor. */
import { Context, type Effect, type Stream } from "effect"

export interface OwnershipChange {
  readonly acquired: ReadonlyArray<string>
  readonly lost: ReadonlyArray<string>
}

export class Ownership extends Context.Service<Ownership, {
  /** Undefined when the shard is not ours, or our lease has run out as far as we can tell: then nothing may be answered. */
  readonly epochOf: (shardId: string) => number | undefined
  /** The shards owned now come first, as one change. */
  readonly changes: Stream.Stream<OwnershipChange>
  readonly owned: Effect.Effect<ReadonlyArray<string>>
}>()("clawster/actor/Ownership") {}
