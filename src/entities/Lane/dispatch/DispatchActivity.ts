/**
 * The activity that starts a lane's tasks. It runs for as long as tasks wait and slots are free, plans repeatedly from
 * the committed state, and sleeps only when no waiting task can be placed. A change of the fleet or of the tenants
 * wakes it at once; so does a busy instance that may be retried, or the rate that allows a start. A completion, an
 * arrival, a promotion or a new configuration changes the lane itself and makes it plan again. The timeout of the sleep
 * is therefore only a fallback, and grows.
 *
 * For lack of an instance, sleep only once `lane.internal_parked` is committed. In a parked lane every event that could
 * unblock a task bumps `round`, which restarts this activity; in any other state a wake-up could be missed. A lane that
 * waits for its rate, or whose tasks are all past their deadline, need not be parked; it then sleeps at most 1 s at a
 * time.
 */
import { Clock, Effect, Option } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import * as DomainMetrics from "../../../observability/metrics/DomainMetrics.ts"
import { Fleet } from "../../../ports/Fleet.ts"
import { StoredFormats } from "../../../ports/runners/StoredFormats.ts"
import { mostRunning, Tenants } from "../../../ports/tenants/Tenants.ts"
import { plan } from "./DispatchPlan.ts"
import type { FleetWatch } from "./FleetWatch.ts"
import { type LaneState, wantsDispatch } from "../LaneState.ts"
import type { LaneSignal } from "../LaneSignal.ts"
import type { OtherUsage } from "./OtherUsage.ts"

/** The sleep doubles from `first` to `most` while nothing changes. */
const pauseMillis = { first: 1_000, most: 30_000 }
/**
 * How long a lane looks for work further back before it rewinds to the tasks it skipped: `most` when the fleet has not
 * changed since, otherwise `least`.
 */
const lookaheadMillis = { least: 5_000, most: 30_000 }

type LaneSelf = Self<LaneState, LaneSignal>

const recordWaits = (state: LaneState, picks: ReadonlyArray<{ readonly taskId: string }>, now: number) => {
  if (picks.length === 0) return Effect.void
  const picked = new Set(picks.map(({ taskId }) => taskId))
  const waits = state.pending.entries.flatMap(({ submittedAt, task }) =>
    picked.has(task.taskId) ? [DomainMetrics.laneWaited(now - Math.max(submittedAt, task.notBefore ?? 0))] : []
  )
  return Effect.all(waits, { discard: true })
}

/** Plans within what the lane's tenant lets run at once. */
const planNow = Effect.fnUntraced(function* (state: LaneState, now: number, otherUsage: OtherUsage) {
  const most = mostRunning(yield* (yield* Tenants).of(state.tenantId))
  const snapshot = yield* (yield* Fleet).snapshot
  return plan(state, snapshot, now, otherUsage, most, (yield* StoredFormats).isReadByAll())
})

/**
 * Proposes what can start with the commit that is about to be made, or why nothing can. So an arrival starts at once,
 * and so does the next task after an end.
 */
export const propose = (state: LaneState, now: number, otherUsage: OtherUsage) =>
  Effect.gen(function* () {
    if (!wantsDispatch(state)) return undefined
    const { assign, isIdle } = yield* planNow(state, now, otherUsage)
    return isIdle ? undefined : { signal: assign, onCommitted: recordWaits(state, assign.picks, now) }
  })

/** Unix milliseconds at which the lane rewinds to the tasks it skipped; `Infinity` when it skipped none. */
const rewindAt = ({ pending, skippedAt }: LaneState, { changedAt }: FleetWatch): number =>
  pending.gap === null ? Infinity : skippedAt + (changedAt > skippedAt ? lookaheadMillis.least : lookaheadMillis.most)

/** `watch` and `otherUsage` outlive the activity. */
export const dispatch = Effect.fnUntraced(function* (self: LaneSelf, watch: FleetWatch, otherUsage: OtherUsage) {
  let pause = pauseMillis.first
  while (true) {
    const { revision } = watch
    const state = yield* self.state
    const now = yield* Clock.currentTimeMillis
    if (rewindAt(state, watch) <= now) yield* self.report({ _tag: "Rewind" })
    const { again, assign, isIdle } = yield* planNow(state, now, otherUsage)
    if (!isIdle) {
      yield* self.report(assign)
      yield* recordWaits(state, assign.picks, now)
      pause = pauseMillis.first
      continue
    }
    const until = Math.max(1, Math.min(pause, again - now, rewindAt(state, watch) - now))
    const changed = yield* Effect.timeoutOption(watch.laterThan(revision), until)
    const grows = Option.isNone(changed) && state.parked !== null
    pause = grows ? Math.min(pauseMillis.most, pause * 2) : pauseMillis.first
  }
})
