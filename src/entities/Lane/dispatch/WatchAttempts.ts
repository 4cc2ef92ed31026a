/**
 * Watches the running attempts and the slots for as long as there are any. Attempts on lost instances are given up, and
 * slots at instances that are gone are dropped. While none is lost it waits for a change of the lost instances, and for
 * attempts on void slots until they have certainly ended. Its key changes when slots with attempts become void.
 */
import { Clock, Effect, HashMap } from "effect"
import type { Self } from "../../../actor/ActorLayer.ts"
import { Fleet } from "../../../ports/Fleet.ts"
import type { LostInstances } from "../../routing/LostInstances.ts"
import { InstanceId } from "../../../schema/Ids.ts"
import { nextVoid, plan, stranded } from "./GiveUp.ts"
import type { LaneSignal } from "../LaneSignal.ts"
import type { LaneState } from "../LaneState.ts"

/** Interval between two searches for another instance while there is none. */
const lookAgain = "1 second"

export const watchAttempts = Effect.fnUntraced(function* (self: Self<LaneState, LaneSignal>, lost: LostInstances) {
  const fleet = yield* Fleet
  while (true) {
    const { revision } = lost
    const state = yield* self.state
    const instanceIds = [...HashMap.keys(state.slots)].map((id) => InstanceId.make(id)).filter((id) => lost.isGone(id))
    if (instanceIds.length > 0) {
      yield* self.report({ _tag: "SlotsVoid", instanceIds })
      continue
    }
    const now = yield* Clock.currentTimeMillis
    const found = stranded(state, lost, now)
    if (found.length === 0) {
      const next = nextVoid(state, lost)
      yield* Effect.raceFirst(lost.laterThan(revision), next === Infinity ? Effect.never : Effect.sleep(next - now))
      continue
    }
    const signal = plan(state, found, yield* fleet.snapshot, now)
    if (signal.attempts.length > 0) yield* self.report(signal)
    else yield* Effect.timeoutOption(lost.laterThan(revision), lookAgain)
  }
})
