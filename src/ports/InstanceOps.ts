/** Questions to the runner that has an instance, answered there by its driver. Nothing of it is stored. */
import { Context, type Effect } from "effect"
import type { InstanceLogs, InstanceMetrics } from "../rpc/Requests.ts"
import type { ActorUnavailable, Conflict, NotFound } from "../schema/Errors.ts"
import type { InstanceId, Placement } from "../schema/Ids.ts"

/** `Conflict`: its driver has no such thing, or it does not run. `ActorUnavailable`: its runner does not answer. */
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
    /** Runs `use` while nobody else in the cluster registers an instance of this id. */
    readonly alone: <A, E, R>(
      instanceId: InstanceId,
      use: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | ActorUnavailable, R>
  }
>()("clawster/ports/InstanceOps") {}
