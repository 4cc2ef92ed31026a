/** The command was carried out, and what it waited for did not end well. */
import { Schema } from "effect"

export class EndedBadly extends Schema.TaggedError<EndedBadly>()("EndedBadly", { message: Schema.String }) {}
