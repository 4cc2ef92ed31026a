/** Lanes on this runner. */
import { Effect, Layer, type Scope } from "effect"
import * as ActorShell from "../../actor/ActorShell.ts"
import * as DomainMetrics from "../../observability/DomainMetrics.ts"
import type { Fleet } from "../Fleet.ts"
import type { TaskRows } from "../TaskRows.ts"
import { dispatch, propose } from "./Dispatcher.ts"
import { FleetWatch } from "./FleetWatch.ts"
import { type LaneActivity, LaneActor } from "./LaneActor.ts"
import type { LaneSignal } from "./LaneSignal.ts"
import type { LaneState } from "./LaneState.ts"
import { lookUp, refillDead, refillPending, refillScheduled, sweepDeadlines } from "./Readers.ts"
import { LostInstances } from "../routing/LostInstances.ts"
import { reportEnds } from "./TaskEnds.ts"
import { Sightings } from "./Sightings.ts"
import { watchAttempts } from "./WatchAttempts.ts"

type Perform = (
  self: ActorShell.Self<LaneState, LaneSignal>
) => Effect.Effect<void, never, Fleet | TaskRows | Scope.Scope>

const performers = (
  watch: FleetWatch,
  lost: LostInstances,
  sightings: Sightings
): Readonly<Record<LaneActivity["kind"], Perform>> => ({
  attempts: (self) => watchAttempts(self, lost),
  dispatch: (self) => dispatch(self, watch, sightings),
  pending: refillPending,
  scheduled: refillScheduled,
  dead: refillDead,
  lookups: lookUp,
  deadlines: sweepDeadlines
})

export const LaneLayer = Layer.unwrap(
  Effect.map(Effect.all([FleetWatch.make, LostInstances.make]), ([watch, lost]) => {
    const sightings = new Sightings()
    const perform = performers(watch, lost, sightings)
    return ActorShell.layer(LaneActor, {
      perform: ({ kind }, self) => perform[kind](self),
      propose: (state, now) => propose(state, now, sightings),
      onCommitted: (events, before) => Effect.andThen(DomainMetrics.committed(events), reportEnds(events, before))
    })
  })
)
