/**
 * Says why the store failed, once in a while. Callers are told to try again, whatever the cause; who runs the cluster
 * must learn the cause, and not once for each of a thousand calls that met it.
 */
import { Cause, Clock, Effect } from "effect"
import { type DatabaseFault, faultOf } from "./DatabaseFault.ts"

const quietMillis = 30_000

interface Told {
  at: number
  /** Met since it was told, and not told themselves. */
  since: number
}

/** By code, of which there are few. */
const told = new Map<string, Told>()

const silent = (code: string): boolean => code === "ETIMEDOUT"

/** A store that does not answer in time has no cause of its own to tell. */
export const faultOfCause = (cause: Cause.Cause<unknown>): DatabaseFault | undefined => {
  const found = faultOf(Cause.squash(cause))
  return found !== undefined && silent(found.code) ? undefined : found
}

/** `what` failed: told at Warning with the true cause, the same cause at most each 30 s. */
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
