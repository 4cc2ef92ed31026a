/** One attempt at a turn, and how it may end. */
import { Schema } from "effect"
import { TaskId, TenantId } from "./Ids.ts"
import { TaskError, TaskResult } from "./Task.ts"

/** Who is told how the attempt ended: the address of an actor that understands `AttemptEnded` and `AttemptRefused`. */
export const AttemptOrigin = Schema.Struct({
  entityType: Schema.Literals(["Lane", "Session"]),
  entityId: Schema.NonEmptyString
})
export type AttemptOrigin = typeof AttemptOrigin.Type

export const Attempt = Schema.Struct({
  /**
   * `<task or turn id>.<attempt>`: unique within its origin. With it, the gateway's idempotency key, so that the same
   * attempt never runs twice.
   */
  runKey: Schema.NonEmptyString,
  origin: AttemptOrigin,
  tenantId: TenantId,
  taskId: Schema.optionalKey(TaskId),
  turnId: Schema.optionalKey(Schema.String),
  sessionKey: Schema.NonEmptyString,
  /** Absent: it and `extraSystemPrompt` are long, and are to be read from the row of the task or turn. */
  message: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  thinking: Schema.optionalKey(Schema.String),
  extraSystemPrompt: Schema.optionalKey(Schema.String),
  timeoutMillis: Schema.Int,
  traceparent: Schema.optionalKey(Schema.String)
})
export type Attempt = typeof Attempt.Type

/** Counts from 1 within its task or turn. */
export const attemptNumberOf = (runKey: string): number => Number(runKey.slice(runKey.lastIndexOf(".") + 1))

/** How it ended. `aborted` is a cancel that was asked for. */
export const AttemptOutcome = Schema.Union([
  Schema.TaggedStruct("completed", { result: TaskResult }),
  Schema.TaggedStruct("failed", { error: TaskError }),
  Schema.TaggedStruct("aborted", {})
])
export type AttemptOutcome = typeof AttemptOutcome.Type
