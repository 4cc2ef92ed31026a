/**
 * How a runner that cannot serve ends: its process shuts down gracefully, which hands its shards over, and exits with
 * an error, so that its supervisor restarts it.
 */
import { Context, Effect, Schema } from "effect"

export class RunnerUnfit extends Schema.TaggedError<RunnerUnfit>()("RunnerUnfit", {
  message: Schema.String,
  advice: Schema.String
}) {}

export const Unfit = Context.Reference<(error: RunnerUnfit) => Effect.Effect<void>>("clawster/shards/Unfit", {
  defaultValue: () => () => Effect.void
})
