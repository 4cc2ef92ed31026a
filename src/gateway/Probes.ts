/** Port: the probes of external systems for the health checks. The caller applies the timeout. */
import { Context, type Effect, Schema } from "effect"

/** The probed system refused. `message` says why. Because health is public, it contains no host name and no secret. */
export class ProbeFailed extends Schema.TaggedError<ProbeFailed>()("ProbeFailed", { message: Schema.String }) {}

export class Probes extends Context.Service<
  Probes,
  {
    /** Succeeds when the database can serve calls. */
    readonly database: Effect.Effect<void, unknown>
    readonly runners: Effect.Effect<{ readonly registered: number; readonly healthy: number }, unknown>
  }
>()("clawster/gateway/Probes") {}
