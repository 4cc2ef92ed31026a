/** The command was executed, but the task or turn it waited for did not complete. */
import { Schema } from "effect"

export class EndedBadly extends Schema.TaggedError<EndedBadly>()("EndedBadly", { message: Schema.String }) {}
