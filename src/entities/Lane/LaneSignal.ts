import type { Assign } from "./Assign.ts"
import type { GiveUp } from "./GiveUp.ts"
import type { Report } from "./Reports.ts"

/** What the lane's activities report. */
export type LaneSignal = Assign | GiveUp | Report | { readonly _tag: "Rewind" }
