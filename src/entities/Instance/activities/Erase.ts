/** Removes what the driver kept of a registration that has ended, since another tenant may be given the id later. */
import { Effect } from "effect"
import { InstanceDrivers } from "../../../instances/InstanceDriver.ts"
import { stopGrace } from "../InstancePolicy.ts"
import { registeredSpec } from "../InstanceState.ts"
import type { InstanceSelf } from "./RunAttempt.ts"

const tries = 5

/**
 * Tries up to five times. What is left then is reported with the reason, and the host's own sweep removes it later. A
 * registration made by an older version is left to that sweep at once: its folder has no name of its own, and may be in
 * use by another placement of this host.
 */
export const erase = Effect.fnUntraced(function* (start: number, self: InstanceSelf) {
  const { record } = yield* self.state
  if (record === undefined) return
  if (record.registration === undefined)
    return yield* self.report({ _tag: "Erased", start, left: "left to the sweep of its host" })
  const spec = registeredSpec(record)
  const left = yield* Effect.flatMap(InstanceDrivers, (drivers) => drivers.get(spec)).pipe(
    Effect.flatMap((driver) =>
      Effect.andThen(driver.stop(spec, self.epoch, { graceMillis: stopGrace }), driver.remove(spec))
    ),
    Effect.tapError(({ retryable }) => (retryable ? Effect.sleep("2 seconds") : Effect.void)),
    Effect.retry({ times: tries - 1, while: ({ retryable }) => retryable }),
    Effect.match({ onSuccess: () => undefined, onFailure: ({ message, reason }) => `${reason}: ${message}` })
  )
  const about = { instanceId: spec.instanceId, registration: record.registration ?? "none" }
  yield* left === undefined
    ? Effect.annotateLogs(Effect.logInfo("Removed what was kept of a deregistered instance"), about)
    : Effect.annotateLogs(
        Effect.logWarning(`Could not remove what was kept of a deregistered instance: ${left}`),
        about
      )
  yield* self.report({ _tag: "Erased", start, ...(left === undefined ? {} : { left }) })
})
