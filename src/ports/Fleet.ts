/**
 * The instances as routing sees them, from their latest views. A snapshot may be some hundred milliseconds old, so
 * routing only proposes: the Instance actor decides, and refuses what it cannot take.
 */
import { Context, type Effect, type Stream } from "effect"
import type { InstanceStatus } from "../schema/Instance.ts"

export class Fleet extends Context.Service<
  Fleet,
  {
    readonly snapshot: Effect.Effect<ReadonlyArray<InstanceStatus>>
    /** One element after each refresh that changed the snapshot. Work that waits for an instance retries on it. */
    readonly changes: Stream.Stream<void>
    /**
     * Unix milliseconds by this process's clock at which the snapshot was last confirmed; undefined before the first
     * read. Absent when the snapshot is always current.
     */
    readonly readAt?: Effect.Effect<number | undefined>
  }
>()("clawster/ports/Fleet") {}
