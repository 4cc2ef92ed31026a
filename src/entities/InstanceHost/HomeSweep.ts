/**
 * Removes what this host keeps of registrations that ended while it was unreachable: instances that were deregistered
 * without their host, or whose removal failed. The sweep runs when a runner starts, and every hour. What belongs to
 * another cluster, or to an unknown one, is left alone.
 */
import { Clock, Effect, Layer, Schedule } from "effect"
import { type InstanceDriver, InstanceDrivers, type Kept } from "../../instances/InstanceDriver.ts"
import { InstanceReads } from "../../ports/InstanceReads.ts"

const every = "1 hour"

/**
 * A younger registration may still be in progress and is skipped: its view is written before its files, but a clock may
 * be off.
 */
const youngMillis = 600_000

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const drivers = yield* InstanceDrivers
    const reads = yield* InstanceReads
    const sweep = Effect.forEach(drivers.all, (driver) => sweepOne(driver, reads), { discard: true }).pipe(
      Effect.tapError(({ message }) =>
        Effect.logWarning(`Could not look for files of ended registrations: ${message}`)
      ),
      Effect.ignore
    )
    yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(every)))
  })
)

/** Returns what was removed. */
export const sweepOne = Effect.fn("HomeSweep.sweep")(function* (
  driver: InstanceDriver,
  reads: InstanceReads["Service"]
) {
  const removed: Array<Kept> = []
  const found = yield* driver.kept(yield* reads.cluster)
  for (const kept of found) {
    const status = yield* reads.get(kept.instanceId)
    if (status !== undefined && status.registration === kept.registration) continue
    if (isYoung(kept, yield* Clock.currentTimeMillis)) continue
    const result = yield* Effect.result(driver.remove(kept))
    const about = { instanceId: kept.instanceId, registration: kept.registration ?? "none" }
    if (result._tag === "Success") {
      removed.push(kept)
      yield* Effect.annotateLogs(Effect.logInfo("Removed the files of a registration that has ended"), about)
    } else {
      const { message } = result.failure
      yield* Effect.annotateLogs(
        Effect.logWarning(`Files of a registration that has ended stay for now: ${message}`),
        about
      )
    }
  }
  return removed
})

const isYoung = ({ registration }: Kept, now: number): boolean => {
  const since = Number.parseInt(registration ?? "", 36)
  return !Number.isNaN(since) && now - since < youngMillis
}
