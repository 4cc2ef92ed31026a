/** What the activations of one epoch of an instance share of the attempts on slots of their origins. */
import type { Outgoing } from "../../../actor/Actor.ts"
import type { AbortCause } from "../../../schema/events/InstanceEvents.ts"
import type { Stop } from "./BoardDecisions.ts"
import { type BoardRun, RunBoard } from "./RunBoard.ts"

export interface BoardHost {
  readonly begin: (run: BoardRun) => void
  readonly stop: (run: BoardRun, cause: AbortCause) => void
  /** Ends at the gateway what may run there unknown to the board. */
  readonly stopUnknown: (stop: Stop) => void
}

export class Board {
  readonly attempts = new RunBoard()
  /** What was told of ends and not heard yet, by run id: no more than its origins have slots. */
  readonly unheard = new Map<string, Outgoing>()
  /** Mean latency in milliseconds. */
  latencyMillis: number | undefined
  /** Undefined while no activity runs the attempts: it begins what it finds on the board. */
  host: BoardHost | undefined
}
