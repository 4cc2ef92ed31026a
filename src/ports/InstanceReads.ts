/**
 * Reads instances as they are seen: the views that they wrote, adjusted by whether their placement is served and their
 * gateway heard of (schema/instance/Liveness.ts), without those that were deregistered without their runner.
 */
import { Context, type Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { InstanceId } from "../schema/Ids.ts"
import type { InstanceStatus } from "../schema/Instance.ts"
import type { Page, PageOptions } from "./Reads.ts"

export class InstanceReads extends Context.Service<
  InstanceReads,
  {
    /** Ordered by entity id. */
    readonly list: (options: PageOptions) => Effect.Effect<Page<InstanceStatus>, ActorUnavailable>
    /** Whatever the instance's placement. */
    readonly get: (instanceId: InstanceId) => Effect.Effect<InstanceStatus | undefined, ActorUnavailable>
    /**
     * Name of the cluster that the instances belong to, the same for as long as its data exists, also across a dump and
     * restore.
     */
    readonly cluster: Effect.Effect<string, ActorUnavailable>
  }
>()("clawster/ports/InstanceReads") {}
