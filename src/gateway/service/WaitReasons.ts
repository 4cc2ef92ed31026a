/**
 * Why each waiting task of a page waits: one request to each lane, in parallel and with a timeout. Reasons that have
 * not arrived by then are omitted.
 */
import { Array, Effect } from "effect"
import type { ActorUnavailable, IdempotencyConflict, InvalidInput } from "../../schema/Errors.ts"
import { laneEntityId, type TaskId, type TenantId } from "../../schema/Ids.ts"
import { type TaskStatus, terminalPhases } from "../../schema/Task.ts"

/** Maximum number of lanes asked for one page; the lanes of its first tasks are asked. */
const lanesAsked = 64
const lanesAtOnce = 16
export const explainMillis = 1_000

interface Explaining {
  readonly ExplainMany: (
    payload: { readonly taskIds: ReadonlyArray<TaskId> },
    options: { readonly timeoutMillis: number }
  ) => Effect.Effect<
    ReadonlyArray<{ readonly taskId: TaskId; readonly waitingFor: string }>,
    ActorUnavailable | IdempotencyConflict | InvalidInput
  >
}

const waits = ({ phase }: TaskStatus): boolean => phase !== "running" && !terminalPhases.has(phase)

const laneOf = ({ lane, tenantId }: TaskStatus): string => laneEntityId(tenantId, lane)

const keyOf = (task: TaskStatus): string => `${laneOf(task)} ${task.taskId}`

/**
 * A task of a tenant that may start nothing waits for its tenant, which is known here. A lane on a runner of an older
 * version, which does not know the request, fails with a defect. Its tasks are shown without a reason.
 */
export const withReasons = Effect.fnUntraced(function* (
  tasks: ReadonlyArray<TaskStatus>,
  lane: (entityId: string) => Explaining,
  tenantWaitsFor: (tenantId: TenantId) => Effect.Effect<string | undefined>
) {
  const waiting = tasks.filter(waits)
  if (waiting.length === 0) return tasks
  const reasons = new Map<string, string>()
  for (const task of waiting) {
    const reason = yield* tenantWaitsFor(task.tenantId)
    if (reason !== undefined) reasons.set(keyOf(task), reason)
  }
  const asked = waiting.filter((task) => !reasons.has(keyOf(task)))
  const byLane = Object.entries(Array.groupBy(asked, laneOf)).slice(0, lanesAsked)
  yield* Effect.forEach(
    byLane,
    ([entityId, waiting]) =>
      lane(entityId)
        .ExplainMany({ taskIds: waiting.map(({ taskId }) => taskId) }, { timeoutMillis: explainMillis })
        .pipe(
          Effect.map((answers) => {
            for (const { taskId, waitingFor } of answers) reasons.set(`${entityId} ${taskId}`, waitingFor)
          }),
          Effect.sandbox,
          Effect.ignore
        ),
    { concurrency: lanesAtOnce, discard: true }
  ).pipe(Effect.timeoutOption(2 * explainMillis))
  return tasks.map((task) => {
    const waitingFor = reasons.get(keyOf(task))
    return waitingFor === undefined ? task : { ...task, waitingFor }
  })
})
