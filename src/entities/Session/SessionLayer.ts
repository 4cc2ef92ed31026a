/** Runs the Session actor on a runner. Requires the fleet, to find instances for the turns. */
import { Clock, Effect, Layer, Stream } from "effect"
import * as ActorLayer from "../../actor/ActorLayer.ts"
import { performers } from "../../actor/Performers.ts"
import * as DomainMetrics from "../../observability/metrics/DomainMetrics.ts"
import { Fleet } from "../../ports/Fleet.ts"
import { heldBecause, Tenants } from "../../ports/tenants/Tenants.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import { ChangeWatch } from "../routing/ChangeWatch.ts"
import { LostInstances } from "../routing/LostInstances.ts"
import { findPlace } from "./Placement.ts"
import { SessionActor, type SessionSignal } from "./SessionActor.ts"
import type { SessionState } from "./SessionState.ts"
import { watchTurn } from "./WatchTurn.ts"

type SessionSelf = ActorLayer.Self<SessionState, SessionSignal>

/** A fleet change that was missed is seen after this time. */
const lookEvery = "2 seconds"

/** Searches until an instance is found and the tenant may work; the turn's own deadline ends the search. */
const findAPlace = Effect.fnUntraced(function* (placement: string, self: SessionSelf, lost: LostInstances) {
  const fleet = yield* Fleet
  const tenants = yield* Tenants
  const changes = Stream.merge(fleet.changes, tenants.changes)
  const reasonOf = (instanceId: InstanceId) => lost.reasonOf(instanceId)
  while (true) {
    const state = yield* self.state
    const held = heldBecause(yield* tenants.of(state.tenantId))
    const found =
      held === undefined
        ? findPlace(state, yield* fleet.snapshot, yield* Clock.currentTimeMillis, reasonOf)
        : { _tag: "None" as const, reason: `waits for ${held}` }
    if (found._tag === "Found") return yield* self.report({ _tag: "Placed", placement, place: found })
    yield* self.report({ _tag: "Unplaced", placement, reason: found.reason })
    yield* Effect.raceFirst(Stream.runDrain(Stream.take(changes, 1)), Effect.sleep(lookEvery))
  }
})

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const lost = yield* LostInstances.make
    const tenants = yield* ChangeWatch.of((yield* Tenants).changes)
    return ActorLayer.layer(SessionActor, {
      perform: performers(SessionActor)({
        Place: ({ key }, self) => findAPlace(key, self, lost),
        WatchTurn: (_, self) => watchTurn(self, lost, tenants)
      }),
      onCommitted: DomainMetrics.committed
    })
  })
)
