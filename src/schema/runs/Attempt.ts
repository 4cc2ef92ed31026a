/** One attempt at a turn, and its possible outcomes. */
import { Schema } from "effect"
import { ActorRef } from "../ActorRef.ts"
import { parseSessionEntityId, SessionId, TaskId, TenantId } from "../Ids.ts"
import { TaskError, TaskResult } from "../Task.ts"

export const Attempt = Schema.Struct({
  /**
   * `<task or turn id>.<attempt>`, unique within its origin. Origin and run key together form the idempotency key at
   * the gateway, so the same attempt never runs twice.
   */
  runKey: Schema.NonEmptyString,
  /** The actor that receives `AttemptEnded` or `AttemptRefused` when the attempt ends. */
  origin: ActorRef,
  tenantId: TenantId,
  taskId: Schema.optionalKey(TaskId),
  turnId: Schema.optionalKey(Schema.String),
  /** Present when this is an attempt at a turn of a session, or at a task on such a turn. See `sessionOf`. */
  sessionId: Schema.optionalKey(SessionId),
  sessionKey: Schema.NonEmptyString,
  /**
   * Absent when the text is long: `message` and `extraSystemPrompt` must then be read from the row of the task or turn.
   */
  message: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  thinking: Schema.optionalKey(Schema.String),
  extraSystemPrompt: Schema.optionalKey(Schema.String),
  timeoutMillis: Schema.Int,
  traceparent: Schema.optionalKey(Schema.String)
})
export type Attempt = typeof Attempt.Type

/**
 * The session in which the attempt runs; undefined for an attempt at a task that names none. Attempts that earlier
 * versions stored have the session in their origin only.
 */
export const sessionOf = ({
  origin,
  sessionId,
  turnId
}: Pick<Attempt, "origin" | "sessionId" | "turnId">): SessionId | undefined =>
  sessionId ??
  (turnId !== undefined && origin.entityType === "Session"
    ? parseSessionEntityId(origin.entityId).sessionId
    : undefined)

/** Number of the attempt within its task or turn, starting at 1. */
export const attemptNumberOf = (runKey: string): number => Number(runKey.slice(runKey.lastIndexOf(".") + 1))

/** How the attempt ended. `aborted` is the result of a requested cancel. */
export const AttemptOutcome = Schema.Union([
  Schema.TaggedStruct("completed", { result: TaskResult }),
  Schema.TaggedStruct("failed", { error: TaskError }),
  Schema.TaggedStruct("aborted", {})
])
export type AttemptOutcome = typeof AttemptOutcome.Type
