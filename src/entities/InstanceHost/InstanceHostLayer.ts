/** Answers requests about an instance through its driver, with what the instance's view contains. */
import { Effect } from "effect"
import { Entity } from "effect/cluster"
import { InstanceDrivers } from "../../instances/InstanceDriver.ts"
import { Conflict, NotFound } from "../../schema/Errors.ts"
import { type InstanceId, parseInstanceEntityId } from "../../schema/Ids.ts"
import type { InstanceStatus, RegisteredSpec } from "../../schema/Instance.ts"
import { InstanceHost } from "../InstanceHost.ts"
import { InstanceReads } from "../../ports/InstanceReads.ts"

/** Enough of a spec to identify the instance to its driver; what only a start needs is left out. */
const specOf = (status: InstanceStatus): RegisteredSpec => ({
  ...(status.registration === undefined ? {} : { registration: status.registration }),
  instanceId: status.instanceId,
  driver: status.driver,
  placement: status.placement,
  tenancy: status.tenancy,
  capabilities: status.capabilities,
  allowedModels: status.allowedModels,
  enabledChannels: [],
  maxConcurrentTasks: status.maxConcurrentTasks,
  maxConcurrentSessions: status.maxConcurrentSessions,
  maxAgents: 1,
  resourceLimits: {}
})

const unknown = (instanceId: InstanceId) =>
  new NotFound({ kind: "instance", id: instanceId, message: `there is no instance ${instanceId}` })

export const layer = InstanceHost.toLayer(
  Effect.gen(function* () {
    const { instanceId } = parseInstanceEntityId((yield* Entity.CurrentAddress).entityId)
    const drivers = yield* InstanceDrivers
    const reads = yield* InstanceReads
    return InstanceHost.of({
      Logs: ({ payload }) =>
        Effect.gen(function* () {
          const status = yield* Effect.orDie(reads.get(instanceId))
          if (status === undefined) return yield* unknown(instanceId)
          const spec = specOf(status)
          const driver = yield* drivers.get(spec)
          return { instanceId, lines: yield* driver.logs(spec, payload.limit) }
        }).pipe(
          Effect.catchTag("DriverError", ({ message, reason }) => Effect.fail(new Conflict({ message, state: reason })))
        )
    })
  }),
  { concurrency: 4, maxIdleTime: "1 minute" }
)
