/** The Session actor on a runner: needs the fleet, to find its turns a place. */
import { Clock, Effect, Stream } from "effect"
import * as ActorShell from "../../actor/ActorShell.ts"
import * as DomainMetrics from "../../observability/DomainMetrics.ts"
import { Fleet } from "../Fleet.ts"
import { findPlace } from "./Placement.ts"
import { type SessionActivity, SessionActor, type SessionSignal } from "./SessionActor.ts"
import type { SessionState } from "./SessionState.ts"

type SessionSelf = ActorShell.Self<SessionState, SessionSignal>

/** A change of the fleet that was missed is seen after this. */
const lookEvery = "2 seconds"

const tell = (self: SessionSelf, signal: SessionSignal): Effect.Effect<void> =>
  Effect.catch(self.tell(signal), () => Effect.never)

/** Looks until there is a place; the turn's own deadline ends the search. */
const findAPlace = Effect.fnUntraced(function* ({ key: placement }: SessionActivity, self: SessionSelf) {
  const fleet = yield* Fleet
  while (true) {
    const found = findPlace(yield* self.state, yield* fleet.snapshot, yield* Clock.currentTimeMillis)
    if (found._tag === "Found") return yield* tell(self, { _tag: "Placed", placement, place: found })
    yield* tell(self, { _tag: "Unplaced", placement, reason: found.reason })
    yield* Effect.raceFirst(Stream.runDrain(Stream.take(fleet.changes, 1)), Effect.sleep(lookEvery))
  }
})

export const layer = ActorShell.layer(SessionActor, {
  perform: findAPlace,
  onCommitted: DomainMetrics.committed
})
