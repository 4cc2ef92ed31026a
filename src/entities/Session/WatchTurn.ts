/**
 * Watches the running turn, and reports when its instance is lost and another instance may take it. While nothing is
 * lost it waits for a change of the lost instances.
 */
import { Clock, Effect } from "effect"
import type { Self } from "../../actor/ActorLayer.ts"
import { Fleet } from "../../ports/Fleet.ts"
import type { LostInstances } from "../routing/LostInstances.ts"
import { mayMove } from "./Placement.ts"
import type { SessionSignal } from "./SessionActor.ts"
import { runKeyOf, type SessionState } from "./SessionState.ts"

/** Interval between two searches for another instance while there is none. */
const lookAgain = "1 second"

export const watchTurn = Effect.fnUntraced(function* (self: Self<SessionState, SessionSignal>, lost: LostInstances) {
  const fleet = yield* Fleet
  while (true) {
    const { revision } = lost
    const state = yield* self.state
    const { assignment, head } = state
    if (assignment === undefined || head?.step !== "sent") return
    const reason = lost.reasonOf(assignment.instanceId)
    if (reason === undefined) {
      yield* lost.laterThan(revision)
      continue
    }
    if (mayMove(state, yield* fleet.snapshot, yield* Clock.currentTimeMillis)) {
      return yield* self.report({ _tag: "Lost", runKey: runKeyOf(head), reason })
    }
    yield* Effect.timeoutOption(lost.laterThan(revision), lookAgain)
  }
})
