/**
 * Timeouts and limits for starting, probing, connecting to and restarting one gateway. Absent fields use the default of
 * all instances. All times are in milliseconds.
 */
import { Schema } from "effect"
import { within } from "../text/Bounds.ts"

/** A delay that doubles from the first to the longest. */
const backoff = (firstMost: number, longestMost: number) =>
  Schema.Struct({
    firstMillis: Schema.optionalKey(within(50, firstMost)),
    longestMillis: Schema.optionalKey(within(50, longestMost))
  })

export const Supervision = Schema.Struct({
  /**
   * Only for driver `process`: time from the launch until the startup probe succeeds. Default: the runner's setting,
   * which is 120,000 when not set.
   */
  startupMillis: Schema.optionalKey(within(5_000, 3_600_000)),
  /** Time from the start of the gateway to its first hello on the link. Default: 60,000. */
  readyMillis: Schema.optionalKey(within(1_000, 600_000)),
  /** Interval between health probes. Default: 2,000. */
  probeEveryMillis: Schema.optionalKey(within(500, 60_000)),
  /** Consecutive failed probes after which the instance is unhealthy. Default: 3. */
  unhealthyAfterProbes: Schema.optionalKey(within(1, 1_000)),
  /**
   * Consecutive failed probes after which the gateway is restarted. Default: 15. A gateway of driver `remote` is never
   * restarted.
   */
  restartAfterProbes: Schema.optionalKey(within(1, 1_000)),
  /** Delay between connection attempts. Default: 250, up to 15,000. */
  reconnect: Schema.optionalKey(backoff(60_000, 300_000)),
  /** Delay between starts of the gateway. Default: 1,000, up to 60,000. */
  restart: Schema.optionalKey(backoff(600_000, 3_600_000)),
  /**
   * Restarts within ten minutes after which the instance is given up. Default: 5. An instance of driver `remote` is
   * never given up.
   */
  restartsMost: Schema.optionalKey(within(0, 10)),
  /**
   * Only for driver `remote`, whose gateway nothing ends: what becomes of a run that was sent there when the gateway,
   * or the runner that follows it, has been away for too long. `retry`: it is tried elsewhere, though it may still run
   * there. `wait`: it waits until the gateway is back or its own time is over. `fail`: it fails with `GatewayLost` or
   * `AttemptLost`, and is not tried again. Default: `retry`.
   */
  whenAway: Schema.optionalKey(Schema.Literals(["retry", "wait", "fail"]))
}).annotate({ identifier: "Supervision" })
export type Supervision = typeof Supervision.Type
