/**
 * A circuit breaker as pure data (R354-R357). `closed` opens after a number of consecutive failures, or after a number
 * of failures within a window. `open` becomes `half_open` when its time is over. `half_open` closes after a number of
 * successes and opens again at the first failure. Results that arrive while the breaker is open are not counted.
 */
import { Schema } from "effect"
import { BreakerState } from "../../schema/Instance.ts"

export interface BreakerProfile {
  /** Consecutive failures that open a closed breaker. */
  readonly failures: number
  /** Successes that close a half-open breaker, and how many attempts may run at once while it is half-open. */
  readonly successes: number
  readonly openMillis: number
  /**
   * A second limit: `failures` failures within `windowMillis` also open the breaker, even with successes between them.
   */
  readonly total?: { readonly failures: number; readonly windowMillis: number }
}

export const profiles = {
  openClawInstance: { failures: 5, successes: 3, openMillis: 30_000 },
  taskExecution: { failures: 3, successes: 2, openMillis: 60_000 },
  federationSync: { failures: 10, successes: 5, openMillis: 10_000 },
  dispatchTarget: {
    failures: 3,
    successes: 1,
    openMillis: 60_000,
    total: { failures: 20, windowMillis: 3_600_000 }
  }
} as const satisfies Record<string, BreakerProfile>

export const Breaker = Schema.Struct({
  state: BreakerState,
  /** Consecutive failures while closed. */
  failures: Schema.Int,
  /** Successes while half-open. */
  successes: Schema.Int,
  /** Unix milliseconds at which an open breaker becomes half-open; set only while open. */
  until: Schema.optionalKey(Schema.Finite),
  /**
   * Unix milliseconds of the failures within the window, oldest first. Filled only for a profile with `total`, and
   * never longer than its limit.
   */
  recent: Schema.Array(Schema.Finite),
  /** The failure that opened the breaker, in words; only while the breaker is not closed. */
  because: Schema.optionalKey(Schema.String)
})
export type Breaker = typeof Breaker.Type

export const closed: Breaker = { state: "closed", failures: 0, successes: 0, recent: [] }
export const halfOpen = (because?: string): Breaker => ({
  state: "half_open",
  failures: 0,
  successes: 0,
  recent: [],
  ...told(because)
})
export const open = (until: number, because?: string): Breaker => ({
  state: "open",
  failures: 0,
  successes: 0,
  until,
  recent: [],
  ...told(because)
})

const told = (because: string | undefined) => (because === undefined ? {} : { because })

/** Whether one more attempt may start while `underWay` attempts are running. */
export const admits = (profile: BreakerProfile, breaker: Breaker, underWay: number): boolean =>
  breaker.state === "closed" || (breaker.state === "half_open" && underWay < profile.successes)

export const onSuccess = (profile: BreakerProfile, breaker: Breaker): Breaker => {
  switch (breaker.state) {
    case "open":
      return breaker
    case "closed":
      return breaker.failures === 0 ? breaker : { ...breaker, failures: 0 }
    case "half_open":
      return breaker.successes + 1 >= profile.successes ? closed : { ...breaker, successes: breaker.successes + 1 }
  }
}

export const onFailure = (profile: BreakerProfile, breaker: Breaker, now: number, because?: string): Breaker => {
  switch (breaker.state) {
    case "open":
      return breaker
    case "half_open":
      return open(now + profile.openMillis, because)
    case "closed": {
      const { total } = profile
      const recent =
        total === undefined ? breaker.recent : [...breaker.recent.filter((at) => at > now - total.windowMillis), now]
      const failures = breaker.failures + 1
      return failures >= profile.failures || (total !== undefined && recent.length >= total.failures)
        ? open(now + profile.openMillis, because)
        : { ...breaker, failures, recent }
    }
  }
}

/** Turns an open breaker half-open once its time is over; any other breaker is returned unchanged. */
export const onTime = (breaker: Breaker, now: number): Breaker =>
  breaker.state === "open" && now >= breaker.until! ? halfOpen(breaker.because) : breaker
