/** The Lane actor: backlog, order, concurrency, rate, retries and dead letters of one tenant's lane. */
import { Schema } from "effect"
import { Conflict, NotFound, Overloaded } from "../schema/Errors.ts"
import { InstanceId, LaneName, TaskId } from "../schema/Ids.ts"
import { LaneChange, LaneConfig, LaneStatus } from "../schema/Lane.ts"
import { TaskPhase, TaskSpec } from "../schema/Task.ts"
import { command, protocol } from "../actor/Protocol.ts"
import { AttemptEnded, AttemptRefused } from "./AttemptRpcs.ts"
import { RollCall } from "./slots/SlotRunRpcs.ts"
import { SlotsGranted, SlotsRecalled, SlotsRevoked } from "./slots/SlotRpcs.ts"
import { TurnDenied, TurnGranted, TurnRecalled } from "./TurnRpcs.ts"

/** The outcome of one submitted task. `dropped` and `redirected` come from the lane's backpressure policy. */
export const SubmitOutcome = Schema.Struct({
  taskId: TaskId,
  outcome: Schema.Literals(["accepted", "duplicate", "dropped", "redirected"]),
  phase: TaskPhase,
  lane: LaneName,
  submittedAt: Schema.Finite
})
export type SubmitOutcome = typeof SubmitOutcome.Type

/** Accepts all tasks of one call in one commit, or none. At most 1,000 tasks. */
export const Submit = command("Submit", {
  payload: { tasks: Schema.NonEmptyArray(TaskSpec).check(Schema.isMaxLength(1_000)) },
  success: Schema.Array(SubmitOutcome),
  error: Overloaded
})

export const Cancel = command("Cancel", {
  payload: { taskId: TaskId, reason: Schema.optionalKey(Schema.String) },
  success: Schema.Struct({ taskId: TaskId, phase: TaskPhase }),
  error: Schema.Union([NotFound, Conflict])
})

/**
 * Cancels tasks by message of another actor. Tasks that have ended are passed over. Never refused, but with `Conflict`
 * when 16,384 tasks are being looked up for cancels already.
 */
export const CancelTasks = command("CancelTasks", {
  payload: {
    taskIds: Schema.Array(TaskId).check(Schema.isMaxLength(1_000)),
    reason: Schema.optionalKey(Schema.String)
  },
  error: Conflict
})

/** Cancels up to `limit` waiting and running tasks of the lane in one command. */
export const CancelWhere = command("CancelWhere", {
  payload: { phases: Schema.Array(TaskPhase), limit: Schema.Int },
  success: Schema.Struct({ cancelled: Schema.Int, remaining: Schema.Int })
})

/** Puts dead-lettered tasks back with a fresh retry budget. When no task is named, all dead letters of the lane. */
export const Replay = command("Replay", {
  payload: { taskIds: Schema.Array(TaskId).check(Schema.isMaxLength(1_000)) },
  success: Schema.Struct({ replayed: Schema.Array(TaskId) }),
  error: NotFound
})

/**
 * `change` is applied to the lane's configuration at the time of the decision. `config` is the complete configuration
 * as the caller read it, for runners of an older version, which do not know `change`.
 */
export const Configure = command("Configure", {
  payload: { config: LaneConfig, change: Schema.optionalKey(LaneChange) },
  success: LaneStatus
})
export const LaneGet = command("LaneGet", { success: LaneStatus })

/** Why a task waits, or on which instance it runs. */
export const Explain = command("Explain", {
  payload: { taskId: TaskId },
  success: Schema.Struct({ waitingFor: Schema.optionalKey(Schema.String), instanceId: Schema.optionalKey(InstanceId) })
})

/** Why each of these tasks waits. Tasks that do not wait, or that the lane does not have in memory, are omitted. */
export const ExplainMany = command("ExplainMany", {
  payload: { taskIds: Schema.Array(TaskId).check(Schema.isMaxLength(1_000)) },
  success: Schema.Array(Schema.Struct({ taskId: TaskId, waitingFor: Schema.String }))
})

export const LaneRpcs = protocol(
  Submit,
  Cancel,
  CancelTasks,
  CancelWhere,
  Replay,
  Configure,
  LaneGet,
  Explain,
  ExplainMany,
  AttemptEnded,
  AttemptRefused,
  SlotsGranted,
  SlotsRecalled,
  SlotsRevoked,
  TurnGranted,
  TurnDenied,
  TurnRecalled,
  RollCall
)
