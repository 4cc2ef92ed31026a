/**
 * Queries about an instance, answered by the runner that has it: logs by its driver, metrics by its actor. Nothing is
 * stored.
 */
import { Context, type Effect } from "effect"
import type { InstanceLogs, InstanceMetrics } from "../rpc/Requests.ts"
import type { ActorUnavailable, Conflict, NotFound } from "../schema/Errors.ts"
import type { InstanceId, Placement } from "../schema/Ids.ts"

/**
 * `Conflict`: the instance's driver does not support the query, or the instance is not running. `ActorUnavailable`: its
 * runner does not answer.
 */
export type InstanceOpsError = NotFound | Conflict | ActorUnavailable

export class InstanceOps extends Context.Service<
  InstanceOps,
  {
    /** The last `limit` lines, at most 10,000. */
    readonly logs: (
      instanceId: InstanceId,
      placement: Placement,
      limit: number
    ) => Effect.Effect<InstanceLogs, InstanceOpsError>
    readonly metrics: (instanceId: InstanceId, placement: Placement) => Effect.Effect<InstanceMetrics, InstanceOpsError>
    /**
     * Runs `use` while no other registration of this instance id runs in the cluster. `ActorUnavailable`: another
     * registration held the id for too long; `use` has not run.
     */
    readonly alone: <A, E, R>(
      instanceId: InstanceId,
      use: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | ActorUnavailable, R>
  }
>()("clawster/ports/InstanceOps") {}
