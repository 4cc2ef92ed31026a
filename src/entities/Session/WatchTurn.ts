/**
 * Watches the running turn, and reports when its instance is lost and another instance may take it, and when the tenant
 * may start nothing more. While neither is so it waits for a change of the lost instances or of the tenants. A lane
 * looks itself after what it runs on a turn of the session.
 */
import { Clock, Effect } from "effect"
import type { Self } from "../../actor/ActorLayer.ts"
import { Fleet } from "../../ports/Fleet.ts"
import { heldBecause, Tenants } from "../../ports/tenants/Tenants.ts"
import type { ChangeWatch } from "../routing/ChangeWatch.ts"
import { failsOn, type LostInstances } from "../routing/LostInstances.ts"
import { mayMove } from "./Placement.ts"
import type { SessionSignal } from "./SessionActor.ts"
import { runKeyOf, type SessionState } from "./SessionState.ts"

/** Interval between two searches for another instance while there is none. */
const lookAgain = "1 second"

export const watchTurn = Effect.fnUntraced(function* (
  self: Self<SessionState, SessionSignal>,
  lost: LostInstances,
  tenantChanges: ChangeWatch
) {
  const fleet = yield* Fleet
  const tenants = yield* Tenants
  while (true) {
    const { revision } = lost
    const tenantRevision = tenantChanges.revision
    const state = yield* self.state
    const { assignment, head } = state
    if (assignment === undefined || head?.step !== "sent") return
    if (state.held !== true && heldBecause(yield* tenants.of(state.tenantId)) !== undefined) {
      yield* self.report({ _tag: "Held" })
      continue
    }
    const reason = head.turn.lane === undefined ? lost.reasonOf(assignment.instanceId) : undefined
    if (reason === undefined) {
      yield* Effect.raceFirst(lost.laterThan(revision), tenantChanges.laterThan(tenantRevision))
      continue
    }
    const snapshot = yield* fleet.snapshot
    const fails = failsOn(snapshot, assignment.instanceId)
    if (fails || mayMove(state, snapshot, yield* Clock.currentTimeMillis)) {
      return yield* self.report({ _tag: "Lost", runKey: runKeyOf(head), reason, fails })
    }
    yield* Effect.timeoutOption(lost.laterThan(revision), lookAgain)
  }
})
