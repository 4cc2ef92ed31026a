/** Reads of the cluster's condition, from the store and from the runners' own reports. */
import { Context, type Effect } from "effect"
import type { RunnerStatus, ShardGroup } from "../schema/ClusterStatus.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { Placement } from "../schema/Ids.ts"

/**
 * Outcome of one probe call to a placement of a runner, which goes through the runner's mailbox, event loop and store.
 * `millis` is the time to the answer or to the timeout.
 */
export interface ServedProbe {
  readonly address: string
  readonly placement: Placement
  readonly ok: boolean
  readonly millis: number
}

/** A placement that live runners serve, that one served of late, or where instances are registered. */
export interface KnownPlacement {
  readonly placement: Placement
  /** All placements of its live runners, itself among them; empty while it has none. */
  readonly servedWith: ReadonlyArray<Placement>
  /** Number of instances registered there. */
  readonly instances: number
  /** Unix milliseconds at which a runner of it last lived; absent when that was not recorded. */
  readonly lastSeenAt?: number
}

export const isServed = ({ servedWith }: KnownPlacement): boolean => servedWith.length > 0

export class ClusterReads extends Context.Service<
  ClusterReads,
  {
    /** Ordered by address. */
    readonly runners: Effect.Effect<ReadonlyArray<RunnerStatus>, ActorUnavailable>
    /**
     * Ordered by name. A placement without instances is known for `placementRememberedMillis` after its last runner
     * lived. Read from the registered runners each time, so that hosts come and go without a restart.
     */
    readonly placements: Effect.Effect<ReadonlyArray<KnownPlacement>, ActorUnavailable>
    /** Ordered by placement. */
    readonly shards: Effect.Effect<ReadonlyArray<ShardGroup>, ActorUnavailable>
    /** Calls each placement of each live runner once. Completes within seconds even when runners do not answer. */
    readonly probes: Effect.Effect<ReadonlyArray<ServedProbe>, ActorUnavailable>
    /** Milliseconds of one small durable commit. */
    readonly commitMillis: Effect.Effect<number, ActorUnavailable>
    /** Undelivered messages between actors, counted up to 1,000, and the age of the oldest of these in milliseconds. */
    readonly outbox: Effect.Effect<{ readonly waiting: number; readonly oldestMillis: number }, ActorUnavailable>
  }
>()("clawster/ports/ClusterReads") {}
