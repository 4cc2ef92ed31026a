/**
 * What one run of the demo submits, and how far that is, as pure functions. A home may have the tasks and keys of
 * earlier runs, so every id and key contains the stamp of its run, and progress counts the tasks of its own run alone.
 */
import type { SessionStatus } from "../../schema/Session.ts"
import { type TaskStatus, terminalPhases } from "../../schema/Task.ts"
import type { Submitted } from "./DemoResult.ts"

export const taskCount = 40
export const sessionNames = ["demo-a", "demo-b", "demo-c"]
export const turnsASession = 5

export interface Plan extends Submitted {
  /** Idempotency key of the tasks that are submitted at once. */
  readonly bulkKey: string
}

export const plan = (stamp: string): Plan => ({
  bulkKey: `demo-tasks-${stamp}`,
  tasks: Array.from({ length: taskCount }, (_, index) => `demo-${stamp}-${index + 1}`),
  sessions: sessionNames.map((name) => ({
    sessionId: `${name}-${stamp}`,
    turns: Array.from({ length: turnsASession }, (_, index) => `${name}-${stamp}-${index + 1}`)
  }))
})

export const endedTasks = (submitted: Submitted, tasks: ReadonlyArray<TaskStatus>): number => {
  const own: ReadonlySet<string> = new Set(submitted.tasks)
  return tasks.filter(({ phase, taskId }) => own.has(taskId) && terminalPhases.has(phase)).length
}

export const openTurns = (sessions: ReadonlyArray<SessionStatus>): number =>
  sessions.flatMap(({ turns }) => turns).filter(({ phase }) => phase === "queued" || phase === "running").length
