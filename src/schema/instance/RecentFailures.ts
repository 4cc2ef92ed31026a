/**
 * The failures of an instance's recent runs, as load: without it a gateway that fails each run at once is the least
 * loaded one and draws all work. A success halves them, and a minute without a failure ends them. Pure.
 */
import { Schema } from "effect"

export const RecentFailures = Schema.Struct({
  count: Schema.Finite,
  /** Unix milliseconds by the runner's clock at which `count` was right; it falls evenly to zero within a minute. */
  at: Schema.Finite
})
export type RecentFailures = typeof RecentFailures.Type

export const windowMillis = 60_000
export const countMost = 16
/** A lower count is none, so that an instance whose runs succeed is soon without. */
const countLeast = 0.5
/** A failure counts as so many running tasks. */
export const failureWeight = 2

const countAt = (failures: RecentFailures | undefined, now: number): number =>
  failures === undefined ? 0 : failures.count * Math.min(1, Math.max(0, 1 - (now - failures.at) / windowMillis))

const kept = (count: number, at: number): RecentFailures | undefined =>
  count < countLeast ? undefined : { count: Math.min(countMost, Math.round(count * 100) / 100), at }

export const afterFailure = (failures: RecentFailures | undefined, now: number): RecentFailures | undefined =>
  kept(countAt(failures, now) + 1, now)

export const afterSuccess = (failures: RecentFailures | undefined, now: number): RecentFailures | undefined =>
  failures === undefined ? undefined : kept(countAt(failures, now) / 2, now)

/** The failures in running tasks. Never negative; zero once the window is over. */
export const loadOfFailures = (failures: RecentFailures | undefined, now: number): number =>
  failureWeight * countAt(failures, now)
