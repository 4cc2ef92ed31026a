/** From what a client registers to the complete spec of an instance. */
import { Effect } from "effect"
import type { InstanceRegistration } from "../../rpc/Requests.ts"
import { type FieldFault, InvalidInput } from "../../schema/Errors.ts"
import { defaultPlacement, hostPlacement, InstanceId, type Placement } from "../../schema/Ids.ts"
import type { InstanceSpec } from "../../schema/Instance.ts"
import { newId } from "./NewId.ts"
import { fieldFaults } from "./SpecFields.ts"

export const defaults = { maxConcurrentTasks: 4, maxConcurrentSessions: 100, maxAgents: 16 } as const

const isHost = (placement: Placement): boolean => placement.startsWith(hostPlacement(""))

const placementOf = (
  { driver, placement, region }: InstanceRegistration,
  served: ReadonlyArray<Placement>
): Placement => {
  if (placement !== undefined) return placement
  if (driver === "process") return served.find(isHost) ?? defaultPlacement
  // A region is a label of any text; only where runners serve it is it a placement as well.
  return served.find((placement) => region !== undefined && placement === `region-${region}`) ?? defaultPlacement
}

const faultsOf = (
  registration: InstanceRegistration,
  placement: Placement,
  served: ReadonlyArray<Placement>
): ReadonlyArray<FieldFault> => [
  ...(served.includes(placement)
    ? []
    : [{ path: "placement", expected: `one that runners serve: ${served.join(", ")}` }]),
  ...(registration.driver === "remote" && registration.endpoint === undefined
    ? [{ path: "endpoint", expected: "url and token of the running gateway, which driver remote needs" }]
    : []),
  ...fieldFaults(registration.driver, registration, defaults)
]

export const toInstanceSpec = Effect.fnUntraced(function* (
  registration: InstanceRegistration,
  served: ReadonlyArray<Placement>
) {
  const placement = placementOf(registration, served)
  const faults = faultsOf(registration, placement, served)
  if (faults.length > 0) return yield* new InvalidInput({ message: "the instance cannot be registered so", faults })
  return {
    ...registration,
    instanceId: registration.instanceId ?? InstanceId.make(yield* newId("i")),
    placement,
    tenancy: registration.tenancy ?? { _tag: "shared" },
    capabilities: registration.capabilities ?? [],
    allowedModels: registration.allowedModels ?? [],
    enabledChannels: registration.enabledChannels ?? [],
    maxConcurrentTasks: registration.maxConcurrentTasks ?? defaults.maxConcurrentTasks,
    maxConcurrentSessions: registration.maxConcurrentSessions ?? defaults.maxConcurrentSessions,
    maxAgents: registration.maxAgents ?? defaults.maxAgents,
    resourceLimits: registration.resourceLimits ?? {}
  } satisfies InstanceSpec as InstanceSpec
})
