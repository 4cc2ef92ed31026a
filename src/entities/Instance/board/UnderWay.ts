/**
 * What may run at a gateway, for those who keep it, wait for it or clear up there: attempts that the state has
 * accepted, attempts on the board, and what holders of slots started before this activation was loaded and have not
 * told it yet.
 */
import { HashMap } from "effect"
import type { InstanceState } from "../InstanceState.ts"
import type { Board } from "./Board.ts"

/** Whether a holder of slots has not yet told this activation what it has started here. */
const isUntold = ({ slots }: InstanceState, { attempts }: Board): boolean =>
  HashMap.some(slots.holders, ({ forOneRun, held, holder }) => {
    return forOneRun !== true && held > 0 && !attempts.isPresent(holder)
  })

const mayRunOnSlots = (state: InstanceState, board: Board): boolean =>
  board.attempts.runs.size > 0 || isUntold(state, board)

export const mayRun = (state: InstanceState, board: Board): boolean =>
  !HashMap.isEmpty(state.runs) || mayRunOnSlots(state, board)

/** Whether something may run that was started before this epoch, or on slots. */
export const mayRunFromBefore = (state: InstanceState, epoch: number, board: Board): boolean =>
  HashMap.some(state.runs, (run) => run.epoch !== epoch) || mayRunOnSlots(state, board)

/** Whether a run that is known here is in the gateway's session. */
export const isInUse = ({ runs }: InstanceState, { attempts }: Board, sessionKey: string): boolean =>
  HashMap.some(runs, ({ attempt }) => attempt.sessionKey === sessionKey) ||
  [...attempts.runs.values()].some(({ attempt }) => attempt.sessionKey === sessionKey)
