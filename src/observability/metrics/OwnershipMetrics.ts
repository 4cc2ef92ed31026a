/** What failure detection and shard ownership measure. */
import type { Effect } from "effect"
import { record } from "./Metrics.ts"

/** `refused`: its port does not answer any more. `expired`: its lease ran out. */
export const runnerLost = (cause: "refused" | "expired"): Effect.Effect<void> =>
  record("clawster_runners_lost_total", 1, { cause })
