/**
 * When an actor is snapshotted. A snapshot bounds how much of the journal loading reads; its entries then need not be
 * kept for that.
 */
import { Effect } from "effect"
import type { Snapshot } from "../Journal.ts"
import { SecretFault } from "../SecretBox.ts"
import type { ActivationOptions } from "../runtime/ActivationOptions.ts"
import type { LoadedState } from "./LoadedState.ts"
import { weightOf } from "./Weight.ts"

/** Average number of events per entry beyond which a snapshot is taken earlier, so that loading stays fast. */
const eventsAnEntry = 8

/**
 * A snapshot is also taken when the entries since the last one weigh at least this much and at least twice as much as
 * that snapshot. A large state is then not rewritten for each of its changes, and loading reads at most about three
 * times the weight of the state.
 */
const unfoldedWeight = 4 * 1024 * 1024

type Options = Pick<ActivationOptions, "codec" | "definition">

export const isDue = (memory: LoadedState, every = 256): boolean =>
  memory.seq - memory.snapshotSeq >= every ||
  memory.unfolded >= every * eventsAnEntry ||
  memory.unfoldedWeight >= Math.max(unfoldedWeight, 2 * memory.snapshotWeight)

/**
 * The snapshot of the loaded state, which then counts as taken. A `SecretFault`: one of its secrets cannot be
 * encrypted, so it is not taken, and the entries stay in the journal.
 */
export const take = ({ codec, definition }: Options, memory: LoadedState, entityId: string): Snapshot | SecretFault => {
  memory.snapshotSeq = memory.seq
  memory.unfolded = 0
  memory.unfoldedWeight = 0
  let state: unknown
  try {
    state = codec.encodeState(memory.state as never, entityId)
  } catch (defect) {
    if (defect instanceof SecretFault) return defect
    throw defect
  }
  memory.snapshotWeight = weightOf(state)
  return {
    seq: memory.seq,
    version: definition.stateVersion,
    state,
    ended: definition.isEnded?.(memory.state) ?? false
  }
}

export const notTaken = (fault: SecretFault): Effect.Effect<void> =>
  Effect.annotateLogs(
    Effect.logError(`No snapshot is taken of an actor, and its history is kept: ${fault.message}`),
    "event",
    "secret.fault"
  )
