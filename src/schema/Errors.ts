/**
 * The errors a caller can receive. The `_tag` of each is stable and is the public error code. `retryAfterMillis` is
 * present on errors after which the same request may succeed later, and says when to retry.
 */
import { Schema } from "effect"

/** One fault in the input. `path` names the field (`tasks[3].priority`), `expected` describes the accepted values. */
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

/** Also returned for objects of another tenant. */
export class NotFound extends Schema.TaggedError<NotFound>()(
  "NotFound",
  { kind: Schema.String, id: Schema.String, message: Schema.String },
  { httpApiStatus: 404 }
) {}

/**
 * The state of the object does not allow the operation. Nothing was changed. `layer` names what refuses where it is not
 * the object itself: the tenant.
 */
export class Conflict extends Schema.TaggedError<Conflict>()(
  "Conflict",
  { message: Schema.String, state: Schema.optionalKey(Schema.String), layer: Schema.optionalKey(Schema.String) },
  { httpApiStatus: 409 }
) {}

/** The idempotency key was used before with another payload. Nothing was changed. */
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

/** A limit (backlog, concurrency cap or rate) was reached. `layer` names the limit. Nothing was stored. */
export class Overloaded extends Schema.TaggedError<Overloaded>()(
  "Overloaded",
  { layer: Schema.String, message: Schema.String, retryAfterMillis: Schema.Int },
  { httpApiStatus: 429 }
) {}

/**
 * Why an actor did not answer.
 *
 * Nothing of the command ran:
 *
 * - `Moving`: the shard is moving, no live runner serves it, or the actor is being loaded anew.
 * - `Overloaded`: a mailbox or a limit is full, or another request holds what this one needs.
 * - `UnknownActor`: the process knows no actor of that type.
 * - `StoreUnavailable`: what had to be read first could not be read.
 *
 * The command may have run:
 *
 * - `CommitInDoubt`: this attempt or an earlier one may have been decided, and the outcome of its commit is unknown.
 * - `ConnectionLost`: the connection to the runner closed while the call was in flight.
 * - `TimedOut`: there was no reply in time.
 */
export const UnavailableReason = Schema.Literals([
  "Moving",
  "Overloaded",
  "UnknownActor",
  "StoreUnavailable",
  "CommitInDoubt",
  "ConnectionLost",
  "TimedOut"
])
export type UnavailableReason = typeof UnavailableReason.Type

const inDoubt: ReadonlySet<UnavailableReason> = new Set(["CommitInDoubt", "ConnectionLost", "TimedOut"])

/**
 * The actor could not answer durably. The same request id may be sent again; if the command was committed after all,
 * the recorded reply is returned.
 */
export class ActorUnavailable extends Schema.TaggedError<ActorUnavailable>()(
  "ActorUnavailable",
  {
    message: Schema.String,
    retryAfterMillis: Schema.Int,
    /** Absent in what an earlier version says. */
    reason: Schema.optionalKey(UnavailableReason)
  },
  { httpApiStatus: 503 }
) {
  /** False: nothing of the command ran, so that another request id may be used as well. */
  get mayHaveRun(): boolean {
    return this.reason === undefined || inDoubt.has(this.reason)
  }
}
