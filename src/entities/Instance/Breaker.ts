/**
 * A circuit breaker as pure data (R354-R357). `closed` opens after so many failures in a row, or so many within a
 * window; `open` becomes `half_open` when its time is over; `half_open` closes after so many successes and opens again
 * at the first failure. What ends while it is open is not counted.
 */
import { Schema } from "effect"
import { BreakerState } from "../../schema/Instance.ts"

export interface BreakerProfile {
  /** Failures in a row that open it. */
  readonly failures: number
  /** Successes in half-open that close it, and how many may be under way there. */
  readonly successes: number
  readonly openMillis: number
  /** Also opens at `failures` within `windowMillis`, whatever lies between them. */
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
  /** In a row, while closed. */
  failures: Schema.Int,
  /** While half-open. */
  successes: Schema.Int,
  /** Unix milliseconds; when open. */
  until: Schema.optionalKey(Schema.Finite),
  /** Times of the failures in the window, oldest first; only with a total limit, and never more than it. */
  recent: Schema.Array(Schema.Finite),
  /** While not closed: the failure that opened it, in words. */
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

/** Whether one more may start while `underWay` run. */
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

/** Unchanged unless it is open and its time is over. */
export const onTime = (breaker: Breaker, now: number): Breaker =>
  breaker.state === "open" && now >= breaker.until! ? halfOpen(breaker.because) : breaker
