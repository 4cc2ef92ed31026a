/**
 * The activity that keeps a lane's tasks moving. It lives for as long as tasks and slots are there, plans round after round from the committed
 * state, and rests only when nothing that waits can be placed: until the fleet changes, a busy instance may be tried again, or a
 * bounded backoff is over. A completion, an arrival or a new configuration ends its rest at once: the lane then wants another round, and
 * this one is interrupted.
 */
import { Clock, Effect, Latch, Stream } from "effect"
import type { Self } from "../../actor/ActorShell.ts"
import * as DomainMetrics from "../../observability/DomainMetrics.ts"
import { Fleet } from "../Fleet.ts"
import { plan } from "./Dispatch.ts"
import type { LaneState } from "./LaneState.ts"
import type { LaneSignal } from "./LaneSignal.ts"
import type { Sightings } from "./Sightings.ts"

const restMillis = { first: 20, most: 1_000 }
/** For how long a lane looks for work further back before it takes up again what it skipped. */
const lookaheadMillis = 5_000

type LaneSelf = Self<LaneState, LaneSignal>

const recordWaits = (state: LaneState, picks: ReadonlyArray<{ readonly taskId: string }>, now: number) => {
  const picked = new Set(picks.map(({ taskId }) => taskId))
  const waits = state.pending.entries.flatMap(({ submittedAt, task }) =>
    picked.has(task.taskId) ? [DomainMetrics.laneWaited(now - Math.max(submittedAt, task.notBefore ?? 0))] : []
  )
  return Effect.all(waits, { discard: true })
}

/** `sightings` outlive the activity. */
export const dispatch = Effect.fnUntraced(
  function* (self: LaneSelf, sightings: Sightings) {
    const fleet = yield* Fleet
    const changed = Latch.makeUnsafe(false)
    let isListening = false
    let rest = restMillis.first
    while (true) {
      changed.closeUnsafe()
      const state = yield* self.state
      const now = yield* Clock.currentTimeMillis
      if (state.pending.gap !== null && now - state.skippedAt >= lookaheadMillis) yield* self.tell({ _tag: "Rewind" })
      const { again, assign, isIdle } = plan(state, yield* fleet.snapshot, now, sightings)
      if (!isIdle) yield* self.tell(assign)
      if (assign.picks.length > 0) yield* recordWaits(state, assign.picks, now)
      if (assign.picks.length > 0 || assign.parked?.skip === true) {
        rest = restMillis.first
        continue
      }
      if (!isListening) {
        isListening = true
        yield* fleet.changes.pipe(
          Stream.runForEach(() => changed.open),
          Effect.forkScoped
        )
      }
      const until = Math.max(1, Math.min(rest, again - now))
      yield* changed.await.pipe(Effect.timeoutOption(until))
      rest = Math.min(restMillis.most, rest * 2)
    }
  },
  Effect.catch(() => Effect.void)
)
