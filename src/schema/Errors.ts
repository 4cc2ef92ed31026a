/**
 * What can go wrong for a caller, each with a stable `_tag` that is the public error code. Every error says whether the
 * same request may succeed later; `retryAfterMillis` is when to try.
 */
import { Schema } from "effect"

/** One fault in the input: `path` names the field (`tasks[3].priority`), `expected` what would have been accepted. */
export const FieldFault = Schema.Struct({ path: Schema.String, expected: Schema.String })
export type FieldFault = typeof FieldFault.Type

/** Nothing was stored. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()(
  "InvalidInput",
  { message: Schema.String, faults: Schema.Array(FieldFault) },
  { httpApiStatus: 400 }
) {}

export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()(
  "Unauthenticated",
  { message: Schema.String },
  { httpApiStatus: 401 }
) {}

export class Forbidden extends Schema.TaggedError<Forbidden>()(
  "Forbidden",
  { message: Schema.String, required: Schema.optionalKey(Schema.String) },
  { httpApiStatus: 403 }
) {}

/** Also the answer for what belongs to another tenant. */
export class NotFound extends Schema.TaggedError<NotFound>()(
  "NotFound",
  { kind: Schema.String, id: Schema.String, message: Schema.String },
  { httpApiStatus: 404 }
) {}

/** The thing is in a state that does not allow this. Nothing changed. */
export class Conflict extends Schema.TaggedError<Conflict>()(
  "Conflict",
  { message: Schema.String, state: Schema.optionalKey(Schema.String) },
  { httpApiStatus: 409 }
) {}

/** The key was used before with another payload. Nothing changed. */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()(
  "IdempotencyConflict",
  { key: Schema.String, message: Schema.String },
  { httpApiStatus: 422 }
) {}

export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()(
  "PayloadTooLarge",
  { message: Schema.String, limitBytes: Schema.Int },
  { httpApiStatus: 413 }
) {}

/** A bound was met (backlog, cap, rate). `layer` names which one; nothing was stored. */
export class Overloaded extends Schema.TaggedError<Overloaded>()(
  "Overloaded",
  { layer: Schema.String, message: Schema.String, retryAfterMillis: Schema.Int },
  { httpApiStatus: 429 }
) {}

/**
 * The actor could not answer durably: it is moving, its store is away, or its commit is in doubt. The same request id
 * may be sent again, and gets the recorded answer if the command was committed after all.
 */
export class ActorUnavailable extends Schema.TaggedError<ActorUnavailable>()(
  "ActorUnavailable",
  { message: Schema.String, retryAfterMillis: Schema.Int },
  { httpApiStatus: 503 }
) {}
