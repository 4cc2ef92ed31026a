/**
 * What routing knows: the instances, as their views last said. A snapshot may be some hundred milliseconds old, so it only proposes: the
 * Instance actor decides, and refuses what it cannot take.
 */
import { Context, type Effect, type Stream } from "effect"
import type { InstanceStatus } from "../schema/Instance.ts"

export class Fleet extends Context.Service<Fleet, {
  readonly snapshot: Effect.Effect<ReadonlyArray<InstanceStatus>>
  /** One element after each refresh that changed something; what waits for an instance tries again on it. */
  readonly changes: Stream.Stream<void>
}>()("clawster/entities/Fleet") {}
