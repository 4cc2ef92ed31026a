/** Runs the Lane actors on a runner. */
import { Effect, Layer, type Scope } from "effect"
import * as ActorLayer from "../../actor/ActorLayer.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import type { Fleet } from "../../ports/Fleet.ts"
import type { TaskRows } from "../../ports/TaskRows.ts"
import { dispatch, propose } from "./dispatch/DispatchActivity.ts"
import { FleetWatch } from "./dispatch/FleetWatch.ts"
import { type LaneActivity, LaneActor } from "./LaneActor.ts"
import type { LaneSignal } from "./LaneSignal.ts"
import type { LaneState } from "./LaneState.ts"
import { lookUp, refillDead, refillPending, refillScheduled, sweepDeadlines } from "./backlog/BacklogReaders.ts"
import { LostInstances } from "../routing/LostInstances.ts"
import { reportEnds } from "./TaskEnds.ts"
import { OtherUsage } from "./dispatch/OtherUsage.ts"
import { watchAttempts } from "./dispatch/WatchAttempts.ts"

type Perform = (
  self: ActorLayer.Self<LaneState, LaneSignal>
) => Effect.Effect<void, never, Fleet | TaskRows | Scope.Scope>

const performers = (
  watch: FleetWatch,
  lost: LostInstances,
  otherUsage: OtherUsage
): Readonly<Record<LaneActivity["kind"], Perform>> => ({
  attempts: (self) => watchAttempts(self, lost),
  dispatch: (self) => dispatch(self, watch, otherUsage),
  pending: refillPending,
  scheduled: refillScheduled,
  dead: refillDead,
  lookups: lookUp,
  deadlines: sweepDeadlines
})

export const layer = Layer.unwrap(
  Effect.map(Effect.all([FleetWatch.make, LostInstances.make]), ([watch, lost]) => {
    const otherUsage = new OtherUsage()
    const perform = performers(watch, lost, otherUsage)
    return ActorLayer.layer(LaneActor, {
      perform: ({ kind }, self) => perform[kind](self),
      propose: (state, now) => propose(state, now, otherUsage),
      onCommitted: (events, before) => Effect.andThen(DomainMetrics.committed(events), reportEnds(events, before))
    })
  })
)
