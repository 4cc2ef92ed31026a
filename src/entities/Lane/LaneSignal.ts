import type { Assign } from "./dispatch/StartTasks.ts"
import type { GiveUp } from "./dispatch/GiveUp.ts"
import type { Report } from "./backlog/PageDecisions.ts"
import type { SlotsVoid } from "./slots/SlotDecisions.ts"

/** The signals that the lane's activities report. */
export type LaneSignal = Assign | GiveUp | Report | SlotsVoid | { readonly _tag: "Rewind" }
