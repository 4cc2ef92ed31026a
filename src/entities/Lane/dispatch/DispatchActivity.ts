/**
 * The activity that keeps a lane's tasks moving. It lives for as long as tasks and slots are there, plans round after
 * round from the committed state, and rests only when nothing that waits can be placed. A change of the fleet ends the
 * rest at once, and so does a busy instance that may be tried again, or the rate that allows a start. A completion, an
 * arrival, a promotion or a new configuration changes the lane itself: it then wants another round, and this one is
 * interrupted. So the pause that ends every rest is only a floor, and grows.
 *
 * It rests only on a plan of a state that says already why nothing can be placed, since what comes into such a state
 * asks for another round.
 */
import { Clock, Effect, Option } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import * as DomainMetrics from "../../../observability/metrics/DomainMetrics.ts"
import { Fleet } from "../../../ports/Fleet.ts"
import { plan } from "./DispatchPlan.ts"
import type { FleetWatch } from "./FleetWatch.ts"
import { wantsDispatch } from "../LaneActor.ts"
import type { LaneState } from "../LaneState.ts"
import type { LaneSignal } from "../LaneSignal.ts"
import type { OtherUsage } from "./OtherUsage.ts"

/** Doubles from the first to the most while nothing changes. */
const pauseMillis = { first: 1_000, most: 30_000 }
/**
 * For how long a lane looks for work further back before it takes up again what it skipped: the most when the fleet has
 * not changed since.
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

/**
 * What can start with the commit that is about to be made, an arrival at once and the next after an end; or why nothing
 * can.
 */
export const propose = (state: LaneState, now: number, sightings: OtherUsage) =>
  Effect.gen(function* () {
    if (!wantsDispatch(state)) return undefined
    const { snapshot } = yield* Fleet
    const { assign, isIdle } = plan(state, yield* snapshot, now, sightings)
    return isIdle ? undefined : { signal: assign, onCommitted: recordWaits(state, assign.picks, now) }
  })

/** When to take up again what the lane skipped. */
const rewindAt = ({ pending, skippedAt }: LaneState, { changedAt }: FleetWatch): number =>
  pending.gap === null ? Infinity : skippedAt + (changedAt > skippedAt ? lookaheadMillis.least : lookaheadMillis.most)

/** `watch` and `sightings` outlive the activity. */
export const dispatch = Effect.fnUntraced(
  function* (self: LaneSelf, watch: FleetWatch, sightings: OtherUsage) {
    const fleet = yield* Fleet
    let pause = pauseMillis.first
    while (true) {
      const { revision } = watch
      const state = yield* self.state
      const now = yield* Clock.currentTimeMillis
      if (rewindAt(state, watch) <= now) yield* self.tell({ _tag: "Rewind" })
      const { again, assign, isIdle } = plan(state, yield* fleet.snapshot, now, sightings)
      if (!isIdle) {
        yield* self.tell(assign)
        yield* recordWaits(state, assign.picks, now)
        pause = pauseMillis.first
        continue
      }
      const until = Math.max(1, Math.min(pause, again - now, rewindAt(state, watch) - now))
      const changed = yield* Effect.timeoutOption(watch.laterThan(revision), until)
      const grows = Option.isNone(changed) && state.parked !== null
      pause = grows ? Math.min(pauseMillis.most, pause * 2) : pauseMillis.first
    }
  },
  Effect.catch(() => Effect.void)
)
