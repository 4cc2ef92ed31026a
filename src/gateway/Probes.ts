/** What health asks of the world outside. Each is bounded by its asker. */
import { Context, type Effect } from "effect"

export class Probes extends Context.Service<
  Probes,
  {
    /** Success: the database answered a statement. */
    readonly database: Effect.Effect<void, unknown>
    readonly runners: Effect.Effect<{ readonly registered: number; readonly healthy: number }, unknown>
  }
>()("clawster/gateway/Probes") {}
