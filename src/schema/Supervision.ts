/**
 * How patiently one gateway is started, probed, connected to and started again. What is left out is as for every other
 * instance. All times are milliseconds.
 */
import { Schema } from "effect"
import { within } from "./text/Bounds.ts"

/** A wait that doubles from the first to the longest. */
const backoff = (firstMost: number, longestMost: number) =>
  Schema.Struct({
    firstMillis: Schema.optionalKey(within(50, firstMost)),
    longestMillis: Schema.optionalKey(within(50, longestMost))
  })

export const Supervision = Schema.Struct({
  /** Driver process: from the launch to the startup probe; 120,000 or what the runner was told. */
  startupMillis: Schema.optionalKey(within(5_000, 3_600_000)),
  /** From the started gateway to its first hello over the link; 60,000. */
  readyMillis: Schema.optionalKey(within(1_000, 600_000)),
  /** Between two health probes; 2,000. */
  probeEveryMillis: Schema.optionalKey(within(500, 60_000)),
  /** Failed probes in a row until it is unhealthy; 3. */
  unhealthyAfterProbes: Schema.optionalKey(within(1, 1_000)),
  /** Failed probes in a row until it is started again; 15. Never for driver remote. */
  restartAfterProbes: Schema.optionalKey(within(1, 1_000)),
  /** Between two tries to connect to it; 250 and 15,000. */
  reconnect: Schema.optionalKey(backoff(60_000, 300_000)),
  /** Between two starts of it; 1,000 and 60,000. */
  restart: Schema.optionalKey(backoff(600_000, 3_600_000)),
  /** Restarts within ten minutes after which it is given up; 5. Driver remote is never given up. */
  restartsMost: Schema.optionalKey(within(0, 10))
}).annotate({ identifier: "Supervision" })
export type Supervision = typeof Supervision.Type
