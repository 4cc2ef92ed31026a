/**
 * The activities that read task rows for the lane. Each reads what the state asks for, reports it, and ends when the
 * state no longer asks for it. While the store is unavailable a read is retried with exponential backoff and jitter, at
 * most 5 s apart.
 */
import { Clock, Effect, Schedule } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import type { ActorUnavailable } from "../../../schema/Errors.ts"
import type { TaskId } from "../../../schema/Ids.ts"
import { TaskRows } from "../../../ports/TaskRows.ts"
import type { LaneSignal } from "../LaneSignal.ts"
import type { LaneState } from "../LaneState.ts"
import type { Place } from "./Rank.ts"
import { asOf, type FoundRow, isKnown } from "./PageDecisions.ts"

type LaneSelf = Self<LaneState, LaneSignal>

const pageMax = 256
const lookupsARead = 256
const runningReadsMost = 5
const runningPauseMillis = 100

const again = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

const patient = <A, R>(read: Effect.Effect<A, ActorUnavailable, R>) => Effect.orDie(Effect.retry(read, again))

const placeAfter = (window: { readonly horizon: Place | null }): Place | undefined => window.horizon ?? undefined

export const refillPending = Effect.fnUntraced(function* (self: LaneSelf) {
  const rows = yield* TaskRows
  const { lane, pending, tenantId } = yield* self.state
  if (pending.refill === null) return
  const after = placeAfter(pending)
  const { entries, isEnd } = yield* patient(
    rows.pending(
      { tenantId, lane },
      after === undefined ? undefined : { rank: after.order, taskId: after.taskId },
      pageMax
    )
  )
  yield* self.report({ _tag: "Page", window: "pending", seq: pending.refill.seq, entries, end: isEnd })
})

export const refillScheduled = Effect.fnUntraced(function* (self: LaneSelf) {
  const rows = yield* TaskRows
  const { lane, scheduled, tenantId } = yield* self.state
  if (scheduled.refill === null) return
  const after = placeAfter(scheduled)
  const { entries, isEnd } = yield* patient(
    rows.scheduled(
      { tenantId, lane },
      after === undefined ? undefined : { notBefore: after.order, taskId: after.taskId },
      pageMax / 2
    )
  )
  yield* self.report({ _tag: "Page", window: "scheduled", seq: scheduled.refill.seq, entries, end: isEnd })
})

export const refillDead = Effect.fnUntraced(function* (self: LaneSelf) {
  const rows = yield* TaskRows
  const { dead, lane, tenantId } = yield* self.state
  if (dead.refill === null) return
  const after = placeAfter(dead)
  const { entries, isEnd } = yield* patient(
    rows.deadLettered(
      { tenantId, lane },
      after === undefined ? undefined : { endedAt: after.order, taskId: after.taskId },
      pageMax
    )
  )
  yield* self.report({ _tag: "DeadPage", seq: dead.refill.seq, entries, end: isEnd })
})

const get = Effect.fnUntraced(function* (
  { lane, tenantId }: LaneState,
  taskIds: Parameters<TaskRows["Service"]["get"]>[1]
) {
  const rows = yield* TaskRows
  const found = yield* patient(rows.get({ tenantId, lane }, taskIds))
  return found.map(({ endedAt, notBefore, ...row }): FoundRow => ({
    ...row,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(endedAt === undefined ? {} : { endedAt })
  }))
})

const warnGivenUp = ({ lane, tenantId }: LaneState, taskId: TaskId) =>
  Effect.logWarning("A request for a task was dropped: its row says running, and its lane does not run it").pipe(
    Effect.annotateLogs({ tenantId, lane, taskId })
  )

/** How often each row that says `running` of a task that the lane does not hold has been read. */
type Contradicted = ReadonlyMap<TaskId, number>

const contradicted = (before: Contradicted, rows: ReadonlyArray<FoundRow>): Contradicted =>
  new Map(
    rows
      .filter(({ phase }) => phase === "running")
      .map(({ task: { taskId } }) => [taskId, (before.get(taskId) ?? 0) + 1])
  )

/**
 * Reads rows until every lookup is answered. A row may say `running` because the task started after the state was
 * taken; a later read then finds it held or ended. A row that says so at every read contradicts the lane: it is given
 * up, since nothing that the lane does would change it, and the lookups behind it must go on.
 */
export const lookUp = Effect.fnUntraced(function* (self: LaneSelf) {
  let running: Contradicted = new Map()
  while (true) {
    const state = yield* self.state
    if (state.lookups.length === 0) return
    const asked = state.lookups
      .map(({ taskId }) => taskId)
      .filter((taskId) => !isKnown(state, taskId))
      .slice(0, lookupsARead)
    const rows = asked.length === 0 ? [] : yield* get(state, asked)
    running = contradicted(running, rows)
    const givenUp = [...running].flatMap(([taskId, reads]) => (reads < runningReadsMost ? [] : [taskId]))
    yield* Effect.forEach(givenUp, (taskId) => warnGivenUp(state, taskId), { discard: true })
    yield* self.report({ _tag: "Found", asOf: asOf(state), asked, rows, givenUp })
    if (running.size > givenUp.length) yield* Effect.sleep(runningPauseMillis)
  }
})

/**
 * Reads the earliest deadlines of the waiting tasks. Reports the next deadline, and the tasks whose deadline has passed
 * and that the lane does not hold.
 */
export const sweepDeadlines = Effect.fnUntraced(function* (self: LaneSelf) {
  const rows = yield* TaskRows
  const state = yield* self.state
  if (state.sweep % 2 === 0) return
  const { lane, tenantId } = state
  const soonest = yield* patient(rows.deadlines({ tenantId, lane }, pageMax))
  const now = yield* Clock.currentTimeMillis
  const past = soonest.filter(({ deadlineAt }) => deadlineAt <= now)
  const due = past.filter(({ taskId }) => !isKnown(state, taskId))
  const isAll = due.length === past.length && past.length < pageMax
  const next = isAll ? (soonest[past.length]?.deadlineAt ?? null) : now
  const found =
    due.length === 0
      ? []
      : yield* get(
          state,
          due.map(({ taskId }) => taskId)
        )
  yield* self.report({ _tag: "Overdue", asOf: asOf(state), sweep: state.sweep, rows: found, next })
})
