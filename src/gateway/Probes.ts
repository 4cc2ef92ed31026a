/** What health asks of the world outside. Each is bounded by its asker. */
import { Context, type Effect, Schema } from "effect"

/**
 * The asked one refused; `message` says why, for everybody who may ask for health: it names no host and holds no
 * secret.
 */
export class ProbeFailed extends Schema.TaggedError<ProbeFailed>()("ProbeFailed", { message: Schema.String }) {}

export class Probes extends Context.Service<
  Probes,
  {
    /** Success: the database can serve calls. */
    readonly database: Effect.Effect<void, unknown>
    readonly runners: Effect.Effect<{ readonly registered: number; readonly healthy: number }, unknown>
  }
>()("clawster/gateway/Probes") {}
