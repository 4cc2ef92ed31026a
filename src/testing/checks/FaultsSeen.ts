/** I15: every fault that was ordered was felt. One that was not makes the run worth less than it seems. */
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
