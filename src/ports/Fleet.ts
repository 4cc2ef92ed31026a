/**
 * What routing knows: the instances, as their views last said. A snapshot may be some hundred milliseconds old, so it
 * only proposes: the Instance actor decides, and refuses what it cannot take.
 */
import { Context, type Effect, type Stream } from "effect"
import type { InstanceStatus } from "../schema/Instance.ts"

export class Fleet extends Context.Service<
  Fleet,
  {
    readonly snapshot: Effect.Effect<ReadonlyArray<InstanceStatus>>
    /** One element after each refresh that changed something; what waits for an instance tries again on it. */
    readonly changes: Stream.Stream<void>
    /**
     * Unix milliseconds by this process's clock at which the snapshot was last known to be true; undefined before the
     * first reading. Absent: it always is.
     */
    readonly readAt?: Effect.Effect<number | undefined>
  }
>()("clawster/ports/Fleet") {}
