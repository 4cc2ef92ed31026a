/** A process could not start: the cause in one line, and what to do about it. */
import { Schema } from "effect"

export class StartFailed extends Schema.TaggedError<StartFailed>()("StartFailed", {
  message: Schema.String,
  advice: Schema.String
}) {}
