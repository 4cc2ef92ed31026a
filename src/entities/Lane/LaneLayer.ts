/** Runs the Lane actors on a runner. */
import { Effect, Layer } from "effect"
import * as ActorLayer from "../../actor/ActorLayer.ts"
import { performers } from "../../actor/Performers.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import { dispatch, propose } from "./dispatch/DispatchActivity.ts"
import * as FleetWatch from "./dispatch/FleetWatch.ts"
import { LaneActor } from "./LaneActor.ts"
import { lookUp, refillDead, refillPending, refillScheduled, sweepDeadlines } from "./backlog/BacklogReaders.ts"
import { LostInstances } from "../routing/LostInstances.ts"
import { reportEnds } from "./TaskEnds.ts"
import { OtherUsage } from "./dispatch/OtherUsage.ts"
import { watchAttempts } from "./dispatch/WatchAttempts.ts"

/** With this definition, which is `LaneActor` or a variant of it. */
export const layerOf = (actor: typeof LaneActor) =>
  Layer.unwrap(
    Effect.map(Effect.all([FleetWatch.make, LostInstances.make]), ([watch, lost]) => {
      const otherUsage = new OtherUsage()
      return ActorLayer.layer(actor, {
        perform: performers(LaneActor)({
          Dispatch: (_, self) => dispatch(self, watch, otherUsage),
          WatchAttempts: (_, self) => watchAttempts(self, lost),
          RefillPending: (_, self) => refillPending(self),
          RefillScheduled: (_, self) => refillScheduled(self),
          RefillDead: (_, self) => refillDead(self),
          LookUp: (_, self) => lookUp(self),
          Sweep: (_, self) => sweepDeadlines(self)
        }),
        propose: (state, now) => propose(state, now, otherUsage),
        onCommitted: (events, before) => Effect.andThen(DomainMetrics.committed(events), reportEnds(events, before))
      })
    })
  )

export const layer = layerOf(LaneActor)
