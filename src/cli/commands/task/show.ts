/** A task as people read it, and the end of one as the command's own. */
import { Effect } from "effect"
import { type TaskStatus, terminalPhases } from "../../../schema/Task.ts"
import { CommandFailed } from "../../CommandFailed.ts"
import { colourOf, showFields, span, time, type View } from "../../Print.ts"
import type { Field } from "../../TextTable.ts"

const entries = (task: TaskStatus, { now }: View): ReadonlyArray<Field> => [
  ["task", task.taskId],
  ["phase", task.phase, colourOf(task.phase)],
  ["tenant", task.tenantId],
  ["lane", task.lane],
  ["priority", task.priority],
  ["attempt", `${task.attempt} of ${task.maxAttempts}`],
  ["instance", task.instanceId],
  ["chosen because", task.routedBecause],
  ["waiting for", task.waitingFor],
  ["submitted", time(task.submittedAt)],
  ["not before", time(task.notBefore)],
  ["deadline", time(task.deadlineAt)],
  ["started", time(task.startedAt)],
  ["took", span(task.startedAt === undefined ? undefined : (task.endedAt ?? now) - task.startedAt)],
  ["tokens", task.result?.usage?.totalTokens],
  ["error", task.error === undefined ? undefined : `${task.error.message} (${task.error.code})`],
  ["result", task.result?.text]
]

export const showTask = (task: TaskStatus) => showFields(task, entries)

/** A task that ended without completing is a failure of the command. */
export const showEnd = Effect.fnUntraced(function* (task: TaskStatus) {
  yield* showTask(task)
  if (terminalPhases.has(task.phase) && task.phase !== "completed") {
    return yield* new CommandFailed({ message: `task ${task.taskId} ended ${task.phase}` })
  }
})
