/** Converts a client's registration to the complete spec of an instance. */
import { Effect, Redacted } from "effect"
import type { InstanceRegistration } from "../../../rpc/Requests.ts"
import { ActorUnavailable, type FieldFault, InvalidInput } from "../../../schema/Errors.ts"
import { defaultPlacement, hostPlacement, InstanceId, type Placement } from "../../../schema/Ids.ts"
import type { InstanceSpec } from "../../../schema/Instance.ts"
import { newId } from "../NewId.ts"
import { fieldFaults } from "./SpecFields.ts"

export const defaults = { maxConcurrentTasks: 4, maxConcurrentSessions: 100, maxAgents: 16 } as const

const isHost = (placement: Placement): boolean => placement.startsWith(hostPlacement(""))

/** A placement that live runners serve. */
export interface Served {
  readonly placement: Placement
  /** All placements that its runners serve, including the regions. */
  readonly regions: ReadonlyArray<Placement>
  readonly instances: number
}

/** The host with the fewest instances, among those in the requested region. */
const hostFor = (region: Placement | undefined, served: ReadonlyArray<Served>): Placement | undefined =>
  served
    .filter(({ placement, regions }) => isHost(placement) && (region === undefined || regions.includes(region)))
    .toSorted((left, right) => left.instances - right.instances || (left.placement < right.placement ? -1 : 1))[0]
    ?.placement

/** Undefined when no live runner could serve the instance. */
const placementOf = (
  { driver, placement, region }: InstanceRegistration,
  served: ReadonlyArray<Served>
): Placement | undefined => {
  if (placement !== undefined) return placement
  // A region is a label with any text. It is also a placement only when runners serve it.
  const ofRegion = served.find((known) => region !== undefined && known.placement === `region-${region}`)?.placement
  if (driver === "process") {
    const hasHosts = served.some((known) => isHost(known.placement))
    return hasHosts ? hostFor(ofRegion, served) : defaultPlacement
  }
  return ofRegion ?? defaultPlacement
}

const faultsOf = (
  registration: InstanceRegistration,
  placement: Placement,
  served: ReadonlyArray<Served>
): ReadonlyArray<FieldFault> => [
  ...(served.some((known) => known.placement === placement)
    ? []
    : [
        {
          path: "placement",
          expected: `one that a live runner serves: ${served.map((known) => known.placement).join(", ")}`
        }
      ]),
  ...(registration.driver === "remote" && registration.endpoint === undefined
    ? [{ path: "endpoint", expected: "url and token of the running gateway, which driver remote needs" }]
    : []),
  ...fieldFaults(registration.driver, registration, defaults)
]

export const toInstanceSpec = Effect.fnUntraced(function* (
  registration: InstanceRegistration,
  served: ReadonlyArray<Served>
) {
  const placement = placementOf(registration, served)
  if (served.length === 0 || placement === undefined) {
    return yield* new ActorUnavailable({
      reason: "Moving",
      message:
        served.length === 0
          ? "no runner is live, so no instance can be placed; start one (clawster runner), then register again"
          : "no live runner serves a host that could start a gateway; start one there (clawster runner), then register again",
      retryAfterMillis: 5_000
    })
  }
  const faults = faultsOf(registration, placement, served)
  if (faults.length > 0) return yield* new InvalidInput({ message: "the instance cannot be registered so", faults })
  const { endpoint, ...given } = registration
  return {
    ...given,
    instanceId: registration.instanceId ?? InstanceId.make(yield* newId("i")),
    placement,
    tenancy: registration.tenancy ?? { _tag: "shared" },
    capabilities: registration.capabilities ?? [],
    allowedModels: registration.allowedModels ?? [],
    enabledChannels: registration.enabledChannels ?? [],
    maxConcurrentTasks: registration.maxConcurrentTasks ?? defaults.maxConcurrentTasks,
    maxConcurrentSessions: registration.maxConcurrentSessions ?? defaults.maxConcurrentSessions,
    maxAgents: registration.maxAgents ?? defaults.maxAgents,
    resourceLimits: registration.resourceLimits ?? {},
    ...(endpoint === undefined ? {} : { endpoint: { url: endpoint.url, token: Redacted.make(endpoint.token) } })
  } satisfies InstanceSpec as InstanceSpec
})
