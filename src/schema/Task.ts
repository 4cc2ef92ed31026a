/** A task: one unit of work for an OpenClaw gateway. Tasks are rows owned by their lane, never resident actors. */
import { Schema } from "effect"
import { bounds, instant, list, longestDelay, nonEmptyText, text, within } from "./text/Bounds.ts"
import { InstanceId, LaneName, SessionId, TaskId, TenantId, WorkspaceId } from "./Ids.ts"
import { ActorRef } from "./ActorRef.ts"
import { StoredOutput } from "./runs/Output.ts"

export const Priority = Schema.Literals(["low", "normal", "high", "critical"])
export type Priority = typeof Priority.Type

/** `medium` is accepted on input as an alias of `normal` (C16). */
export const PriorityInput = Schema.Literals(["low", "normal", "medium", "high", "critical"])

export const TaskPhase = Schema.Literals([
  "pending",
  "scheduled",
  "running",
  "retrying",
  "completed",
  "failed",
  "cancelled",
  "dead_lettered"
])
export type TaskPhase = typeof TaskPhase.Type

/** Phases that a task does not leave by itself; a `dead_lettered` task may be replayed. */
export const terminalPhases: ReadonlySet<TaskPhase> = new Set(["completed", "failed", "cancelled", "dead_lettered"])

const label = Schema.NonEmptyString.check(Schema.isMaxLength(128))
const millis = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

export const RoutingPolicy = Schema.Literals([
  "LeastLoaded",
  "CapabilityAware",
  "GeoAware",
  "TenantAffinity",
  "Fallback"
])
export type RoutingPolicy = typeof RoutingPolicy.Type

/** Routing preferences and constraints. `preferredRegion` is a hard constraint when `regionRequired` is set. */
export const RoutingHints = Schema.Struct({
  policy: Schema.optionalKey(RoutingPolicy),
  preferredRegion: Schema.optionalKey(label),
  regionRequired: Schema.optionalKey(Schema.Boolean),
  requiredCapabilities: Schema.optionalKey(Schema.Array(label).check(Schema.isMaxLength(32))),
  maxLatencyMillis: Schema.optionalKey(millis),
  model: Schema.optionalKey(label),
  instanceId: Schema.optionalKey(InstanceId)
})
export type RoutingHints = typeof RoutingHints.Type

export const RetryPolicy = Schema.Struct({
  /** Maximum number of attempts, including the first. */
  maxAttempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })),
  /** First retry delay. It doubles with each retry, with jitter, up to `maxBackoffMillis`. */
  backoffMillis: millis,
  maxBackoffMillis: millis
})
export type RetryPolicy = typeof RetryPolicy.Type

export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 3, backoffMillis: 1_000, maxBackoffMillis: 60_000 }

/** The request to the gateway. */
export const TaskPayload = Schema.Struct({
  message: Schema.NonEmptyString.check(Schema.isMaxLength(200_000)),
  model: Schema.optionalKey(label),
  thinking: Schema.optionalKey(label),
  extraSystemPrompt: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(50_000)))
})
export type TaskPayload = typeof TaskPayload.Type

/** A task as its lane accepts it: complete, with every default filled in by the edge. */
export const TaskSpec = Schema.Struct({
  taskId: TaskId,
  tenantId: TenantId,
  lane: LaneName,
  workspaceId: Schema.optionalKey(WorkspaceId),
  sessionId: Schema.optionalKey(SessionId),
  payload: TaskPayload,
  priority: Priority,
  hints: RoutingHints,
  retry: RetryPolicy,
  /** Unix milliseconds; a task not started by then fails with `DeadlineExceeded`. */
  deadlineAt: Schema.optionalKey(millis),
  /** Unix milliseconds; the task is `scheduled` until then. */
  notBefore: Schema.optionalKey(millis),
  /** Timeout of one attempt. */
  timeoutMillis: Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 86_400_000 })),
  /**
   * Set when the edge generated the id, so that no other task can have it. Otherwise the lane reads the task's row back
   * before it starts the task, so that a reused id does not run again; this costs one more read and one more commit.
   */
  idIsNew: Schema.optionalKey(Schema.Boolean),
  /**
   * Fingerprint of the submission, set when the caller chose the id: it distinguishes another submission under the same
   * id.
   */
  fingerprint: Schema.optionalKey(Schema.String),
  traceparent: Schema.optionalKey(Schema.String),
  /** The actor that is told the task's end (TaskEnded.ts). Only actors set it; a client's submission cannot. */
  receiver: Schema.optionalKey(ActorRef)
})
export type TaskSpec = typeof TaskSpec.Type

/*
 * The schemas for client input are narrower than the stored ones: stored values were accepted under the limits of their
 * time and must stay readable.
 */

const submittedLabel = nonEmptyText(bounds.label)

export const SubmittedHints = Schema.Struct({
  ...RoutingHints.fields,
  policy: Schema.optionalKey(
    RoutingPolicy.annotate({
      description:
        "How the eligible instances are ordered. Fallback: by load, and names a second instance, to which the next attempt goes when this one fails."
    })
  ),
  preferredRegion: Schema.optionalKey(submittedLabel),
  requiredCapabilities: Schema.optionalKey(list(submittedLabel, 32)),
  maxLatencyMillis: Schema.optionalKey(
    within(0, longestDelay).annotate({
      description: "Only instances whose recent turns took no longer on average, from acceptance to end."
    })
  ),
  model: Schema.optionalKey(submittedLabel)
}).check(
  Schema.makeFilter<{ readonly preferredRegion?: string; readonly regionRequired?: boolean }>(
    ({ preferredRegion, regionRequired }) => regionRequired !== true || preferredRegion !== undefined,
    { expected: "a preferredRegion beside regionRequired, which says nothing without it" }
  )
)

const SubmittedPayload = Schema.Struct({
  message: nonEmptyText(bounds.message),
  model: Schema.optionalKey(submittedLabel),
  thinking: Schema.optionalKey(submittedLabel),
  extraSystemPrompt: Schema.optionalKey(text(bounds.systemPrompt))
})

/**
 * The payload as an actor keeps it in memory: a long text exists only in the task's row and is read when the task runs.
 */
export const HeldPayload = Schema.Struct({
  message: Schema.optionalKey(Schema.String),
  model: TaskPayload.fields.model,
  thinking: TaskPayload.fields.thinking,
  extraSystemPrompt: Schema.optionalKey(Schema.String)
})
export type HeldPayload = typeof HeldPayload.Type
export const HeldTask = Schema.Struct({ ...TaskSpec.fields, payload: HeldPayload })
export type HeldTask = typeof HeldTask.Type

export const textLength = ({ extraSystemPrompt, message }: HeldPayload): number =>
  (message?.length ?? 0) + (extraSystemPrompt?.length ?? 0)

/** Maximum characters of text that an actor keeps in memory for a waiting task and for a running task. */
export const heldMost = { waiting: 8_192, running: 1_024 } as const

/** Removes the text from the task when it is longer than `most` characters. */
export const hold = (task: HeldTask, most: number): HeldTask => {
  if (textLength(task.payload) <= most) return task
  const { extraSystemPrompt: _, message: __, ...payload } = task.payload
  return { ...task, payload }
}

/** The fields that a client may set when it submits a task. */
export const TaskSubmission = Schema.Struct({
  taskId: Schema.optionalKey(TaskId),
  tenantId: Schema.optionalKey(TenantId),
  lane: Schema.optionalKey(LaneName),
  workspaceId: Schema.optionalKey(WorkspaceId),
  sessionId: Schema.optionalKey(
    SessionId.annotate({
      description:
        "The task runs in this session: where the session lives, with its history, and never beside a turn of it or another task. Each attempt waits for its place in the session's order. A session that does not exist is created; in one that is closed the task fails with SessionClosed."
    })
  ),
  payload: SubmittedPayload,
  priority: Schema.optionalKey(PriorityInput),
  hints: Schema.optionalKey(SubmittedHints),
  maxRetries: Schema.optionalKey(within(0, 19)),
  backoffMillis: Schema.optionalKey(within(0, longestDelay)),
  deadlineAt: Schema.optionalKey(instant),
  notBefore: Schema.optionalKey(instant),
  timeoutMillis: Schema.optionalKey(within(1_000, 86_400_000))
})
export type TaskSubmission = typeof TaskSubmission.Type

export const TaskError = Schema.Struct({
  code: Schema.String,
  message: Schema.String,
  retryable: Schema.Boolean
})
export type TaskError = typeof TaskError.Type

export const Usage = Schema.Struct({
  inputTokens: Schema.optionalKey(Schema.Finite),
  outputTokens: Schema.optionalKey(Schema.Finite),
  totalTokens: Schema.optionalKey(Schema.Finite)
})
export type Usage = typeof Usage.Type

export const TaskResult = Schema.Struct({
  text: Schema.String,
  durationMillis: Schema.Finite,
  usage: Schema.optionalKey(Usage),
  /**
   * Set when `text` is only the beginning of the result: the size of the whole, which `GET /tasks/ID/result` returns.
   */
  stored: Schema.optionalKey(StoredOutput)
})
export type TaskResult = typeof TaskResult.Type

/** The public view of a task. */
export const TaskStatus = Schema.Struct({
  taskId: TaskId,
  tenantId: TenantId,
  lane: LaneName,
  workspaceId: Schema.optionalKey(WorkspaceId),
  phase: TaskPhase,
  priority: Priority,
  attempt: Schema.Int,
  maxAttempts: Schema.Int,
  instanceId: Schema.optionalKey(InstanceId),
  submittedAt: Schema.Finite,
  startedAt: Schema.optionalKey(Schema.Finite),
  endedAt: Schema.optionalKey(Schema.Finite),
  notBefore: Schema.optionalKey(Schema.Finite),
  deadlineAt: Schema.optionalKey(Schema.Finite),
  result: Schema.optionalKey(TaskResult),
  /** Set in lists, where the text of the result is only its beginning. Read the task for the whole. */
  isPreview: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(TaskError),
  /** Why the task waits, as text (R097, G20). */
  waitingFor: Schema.optionalKey(Schema.String),
  /** Why this instance was chosen. */
  routedBecause: Schema.optionalKey(Schema.String)
})
export type TaskStatus = typeof TaskStatus.Type
