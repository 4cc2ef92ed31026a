/**
 * Logs why the store failed, at a limited rate. Callers are asked to try again, whatever the cause; the operator must
 * learn the cause, but not once for each of a thousand failed calls.
 */
import { Cause, Clock, Effect } from "effect"
import { type DatabaseFault, faultOf } from "./DatabaseFault.ts"

const quietMillis = 30_000

interface Told {
  at: number
  /** Occurrences since the last log entry, which were not logged. */
  since: number
}

/** Keyed by fault code, of which there are few. */
const told = new Map<string, Told>()

const silent = (code: string): boolean => code === "ETIMEDOUT"

/** The fault behind a cause; undefined for a timeout, which has no cause of its own to report. */
export const faultOfCause = (cause: Cause.Cause<unknown>): DatabaseFault | undefined => {
  const found = faultOf(Cause.squash(cause))
  return found !== undefined && silent(found.code) ? undefined : found
}

/** Logs at Warning level that `what` failed, and the true cause; each fault code at most once per 30 s. */
export const tell = (what: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const fault = faultOfCause(cause)
    const now = yield* Clock.currentTimeMillis
    const code = fault?.code ?? "none"
    const last = told.get(code)
    if (last !== undefined && now >= last.at && now - last.at < quietMillis) {
      last.since += 1
      return
    }
    told.set(code, { at: now, since: 0 })
    const more = last === undefined || last.since === 0 ? {} : { notTold: last.since }
    yield* (
      fault === undefined
        ? Effect.logWarning(what, cause)
        : Effect.logWarning(`${what}: ${fault.message}; ${fault.advice}`)
    ).pipe(Effect.annotateLogs({ event: "store.fault", code, ...more }))
  })
