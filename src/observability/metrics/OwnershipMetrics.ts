/** Metrics of failure detection and shard ownership. */
import type { Effect } from "effect"
import { record } from "./Metrics.ts"

/** `refused`: the runner's port no longer accepts connections. `expired`: its lease expired. */
export const runnerLost = (cause: "refused" | "expired"): Effect.Effect<void> =>
  record("clawster_runners_lost_total", 1, { cause })
