/**
 * Watches the running attempts for as long as there are any, and has those on lost instances given up. While none is
 * lost it waits for a change of the lost instances.
 */
import { Clock, Effect } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import { Fleet } from "../../../ports/Fleet.ts"
import type { LostInstances } from "../../routing/LostInstances.ts"
import { plan, stranded } from "./GiveUp.ts"
import type { LaneSignal } from "../LaneSignal.ts"
import type { LaneState } from "../LaneState.ts"

/** Interval between two searches for another instance while there is none. */
const lookAgain = "1 second"

export const watchAttempts = Effect.fnUntraced(function* (self: Self<LaneState, LaneSignal>, lost: LostInstances) {
  const fleet = yield* Fleet
  while (true) {
    const { revision } = lost
    const state = yield* self.state
    const found = stranded(state, (instanceId) => lost.reasonOf(instanceId))
    if (found.length === 0) {
      yield* lost.laterThan(revision)
      continue
    }
    const signal = plan(state, found, yield* fleet.snapshot, yield* Clock.currentTimeMillis)
    if (signal.attempts.length > 0) yield* self.report(signal)
    else yield* Effect.timeoutOption(lost.laterThan(revision), lookAgain)
  }
})
