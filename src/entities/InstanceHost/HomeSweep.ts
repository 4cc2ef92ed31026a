/**
 * Removes what this host keeps of registrations that ended while it was away: an instance that was deregistered without
 * its host, or whose removal failed. At the start of a runner, and now and then after. What belongs to another cluster,
 * or to no known one, is left.
 */
import { Clock, Effect, Layer, Schedule } from "effect"
import { type InstanceDriver, InstanceDrivers, type Kept } from "../../instances/InstanceDriver.ts"
import { ViewReads } from "../../ports/Reads.ts"

const every = "1 hour"

/**
 * Younger than this it may be one that is being registered: its view is written before its files, but a clock may be
 * off.
 */
const youngMillis = 600_000

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const drivers = yield* InstanceDrivers
    const views = yield* ViewReads
    const sweep = Effect.forEach(drivers.all, (driver) => sweepOne(driver, views), { discard: true }).pipe(
      Effect.tapError(({ message }) =>
        Effect.logWarning(`Could not look for files of ended registrations: ${message}`)
      ),
      Effect.ignore
    )
    yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(every)))
  })
)

/** Answers what was removed. */
export const sweepOne = Effect.fn("HomeSweep.sweep")(function* (driver: InstanceDriver, views: ViewReads["Service"]) {
  const removed: Array<Kept> = []
  const found = yield* driver.kept(yield* views.cluster)
  for (const kept of found) {
    const status = yield* views.instance(kept.instanceId)
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
