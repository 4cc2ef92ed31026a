/**
 * I15: every injected fault took effect. A fault without effect means that the run tested less than it seems to have
 * tested.
 */
import { describe } from "../faults/Fault.ts"
import type { Watcher } from "./Observation.ts"

export const faultsSeen =
  (): Watcher =>
  ({ end, faults }) =>
    end
      ? faults
          .filter(({ seen }) => seen === 0)
          .map(({ fault }) => ({
            invariant: "I15",
            message: `${describe(fault)}, at ${(fault.at / 1_000).toFixed(1)} s, was never felt`
          }))
      : []
