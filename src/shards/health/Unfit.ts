/**
 * How a runner that cannot serve ends: its process closes in order, which hands its shards over, and exits with an
 * error, so that its supervisor starts it again.
 */
import { Context, Effect, Schema } from "effect"

export class RunnerUnfit extends Schema.TaggedError<RunnerUnfit>()("RunnerUnfit", {
  message: Schema.String,
  advice: Schema.String
}) {}

export const Unfit = Context.Reference<(error: RunnerUnfit) => Effect.Effect<void>>("clawster/shards/Unfit", {
  defaultValue: () => () => Effect.void
})
