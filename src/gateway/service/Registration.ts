/** From what a client registers to the complete spec of an instance. */
import { Effect } from "effect"
import type { InstanceRegistration } from "../../rpc/Requests.ts"
import { type FieldFault, InvalidInput } from "../../schema/Errors.ts"
import { defaultPlacement, hostPlacement, InstanceId, type Placement, regionPlacement } from "../../schema/Ids.ts"
import type { InstanceSpec } from "../../schema/Instance.ts"
import { newId } from "./NewId.ts"

const defaults = { maxConcurrentTasks: 4, maxConcurrentSessions: 100, maxAgents: 16 } as const

const isHost = (placement: Placement): boolean => placement.startsWith(hostPlacement(""))

const placementOf = (
  { driver, placement, region }: InstanceRegistration,
  served: ReadonlyArray<Placement>
): Placement => {
  if (placement !== undefined) return placement
  if (driver === "process") return served.find(isHost) ?? defaultPlacement
  const ofRegion = region === undefined ? undefined : regionPlacement(region)
  return ofRegion !== undefined && served.includes(ofRegion) ? ofRegion : defaultPlacement
}

const faultsOf = (
  { driver, endpoint, gatewayConfig }: InstanceRegistration,
  placement: Placement,
  served: ReadonlyArray<Placement>
): ReadonlyArray<FieldFault> => [
  ...(served.includes(placement)
    ? []
    : [{ path: "placement", expected: `one that runners serve: ${served.join(", ")}` }]),
  ...(driver === "remote" && endpoint === undefined
    ? [{ path: "endpoint", expected: "url and token of the running gateway, which driver remote needs" }]
    : []),
  ...(driver !== "remote" && endpoint !== undefined
    ? [{ path: "endpoint", expected: `nothing: driver ${driver} has no endpoint of its own` }]
    : []),
  ...(driver !== "process" && gatewayConfig !== undefined
    ? [{ path: "gatewayConfig", expected: `nothing: driver ${driver} does not configure its gateway` }]
    : [])
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
