/** What the store and the runners themselves say of the cluster. */
import { Context, type Effect } from "effect"
import type { RunnerStatus, ShardGroup } from "../schema/Cluster.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { Placement } from "../schema/Ids.ts"

/** How one runner answered a call to one placement: by its mailbox, its event loop and its store. */
export interface ServedProbe {
  readonly address: string
  readonly placement: Placement
  readonly ok: boolean
  readonly millis: number
}

export class ClusterReads extends Context.Service<
  ClusterReads,
  {
    /** By address. */
    readonly runners: Effect.Effect<ReadonlyArray<RunnerStatus>, ActorUnavailable>
    /** By placement. */
    readonly shards: Effect.Effect<ReadonlyArray<ShardGroup>, ActorUnavailable>
    /** A call to each placement of each live runner. Ends within seconds, whoever is silent. */
    readonly probes: Effect.Effect<ReadonlyArray<ServedProbe>, ActorUnavailable>
    /** Time of one small durable commit. */
    readonly commitMillis: Effect.Effect<number, ActorUnavailable>
    /** Messages from actor to actor that wait, and the age of the oldest of the first thousand. */
    readonly outbox: Effect.Effect<{ readonly waiting: number; readonly oldestMillis: number }, ActorUnavailable>
  }
>()("clawster/ports/ClusterReads") {}
