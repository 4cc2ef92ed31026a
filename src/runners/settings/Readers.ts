/** Which processes read a setting. */
import type { ProcessKind } from "./Setting.ts"

export const cluster: ReadonlyArray<ProcessKind> = ["runner", "gateway"]
export const everywhere: ReadonlyArray<ProcessKind> = ["up", "runner", "gateway", "migrate"]
/** `up` passes its environment to its runners. */
export const runners: ReadonlyArray<ProcessKind> = ["up", "runner"]
