/** The result of the demo as pure functions, from the final status in the API and the model's request counts. */
import type { SessionStatus } from "../../schema/Session.ts"
import type { TaskStatus } from "../../schema/Task.ts"

export interface Submitted {
  readonly tasks: ReadonlyArray<string>
  /** Session ids with their turns, in the order sent. */
  readonly sessions: ReadonlyArray<{ readonly sessionId: string; readonly turns: ReadonlyArray<string> }>
}

export interface Row {
  readonly what: string
  readonly submitted: number
  readonly completed: number
  readonly failed: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
}

const countDoubled = (ids: ReadonlyArray<string>, reached: Readonly<Record<string, number>>) =>
  ids.filter((id) => (reached[id] ?? 0) > 1).length

const taskRow = (
  ids: ReadonlyArray<string>,
  statuses: ReadonlyMap<string, TaskStatus>,
  reached: Readonly<Record<string, number>>
): Row => {
  const phases = ids.map((id) => statuses.get(id)?.phase)
  const completed = phases.filter((phase) => phase === "completed").length
  const failed = phases.filter(
    (phase) => phase === "failed" || phase === "dead_lettered" || phase === "cancelled"
  ).length
  return {
    what: "tasks",
    submitted: ids.length,
    completed,
    failed,
    lost: ids.length - completed - failed,
    doubled: countDoubled(ids, reached),
    outOfOrder: 0
  }
}

/** A turn is out of order when it started before the previously sent turn had ended. */
const overtakes = (turns: ReadonlyArray<string>, { turns: known }: SessionStatus): number => {
  const byId = new Map(known.map((turn) => [turn.turnId, turn]))
  return turns.filter((turnId, index) => {
    const before = index === 0 ? undefined : byId.get(turns[index - 1]!)
    const startedAt = byId.get(turnId)?.startedAt
    return before?.endedAt !== undefined && startedAt !== undefined && startedAt < before.endedAt
  }).length
}

const sessionRow = (
  { sessionId, turns }: Submitted["sessions"][number],
  status: SessionStatus | undefined,
  reached: Readonly<Record<string, number>>
): Row => {
  const phases = turns.map((turnId) => status?.turns.find((turn) => turn.turnId === turnId)?.phase)
  const completed = phases.filter((phase) => phase === "completed").length
  const failed = phases.filter((phase) => phase === "failed" || phase === "aborted").length
  return {
    what: `session ${sessionId}`,
    submitted: turns.length,
    completed,
    failed,
    lost: turns.length - completed - failed,
    doubled: countDoubled(turns, reached),
    outOfOrder: status === undefined ? 0 : overtakes(turns, status)
  }
}

/** `reached` is the number of model requests for each task or turn. */
export const rows = (
  submitted: Submitted,
  tasks: ReadonlyArray<TaskStatus>,
  sessions: ReadonlyArray<SessionStatus>,
  reached: Readonly<Record<string, number>>
): ReadonlyArray<Row> => [
  taskRow(submitted.tasks, new Map(tasks.map((task) => [task.taskId, task])), reached),
  ...submitted.sessions.map((session) =>
    sessionRow(
      session,
      sessions.find(({ sessionId }) => sessionId === session.sessionId),
      reached
    )
  )
]

export const isClean = (table: ReadonlyArray<Row>): boolean =>
  table.every(({ completed, doubled, outOfOrder, submitted }) => completed === submitted && doubled + outOfOrder === 0)

const columns = ["submitted", "completed", "failed", "lost", "doubled", "outOfOrder"] as const

export const render = (table: ReadonlyArray<Row>): string => {
  const width = Math.max(...table.map(({ what }) => what.length), 4)
  const line = (cells: ReadonlyArray<string>) =>
    `  ${cells[0]!.padEnd(width)}${cells
      .slice(1)
      .map((cell) => cell.padStart(14))
      .join("")}`
  return [
    line(["", ...columns.map((name) => (name === "outOfOrder" ? "out of order" : name))]),
    ...table.map((row) => line([row.what, ...columns.map((name) => String(row[name]))]))
  ].join("\n")
}
