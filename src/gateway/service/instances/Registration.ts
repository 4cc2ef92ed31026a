/** Converts a client's registration to the complete spec of an instance. */
import { Effect, Redacted } from "effect"
import { isServed, type KnownPlacement } from "../../../ports/ClusterReads.ts"
import type { InstanceRegistration } from "../../../rpc/Requests.ts"
import { ActorUnavailable, type FieldFault, InvalidInput } from "../../../schema/Errors.ts"
import { defaultPlacement, hostPlacement, InstanceId, type Placement } from "../../../schema/Ids.ts"
import type { InstanceSpec } from "../../../schema/Instance.ts"
import { newId } from "../NewId.ts"
import { fieldFaults } from "./SpecFields.ts"

export const defaults = { maxConcurrentTasks: 4, maxConcurrentSessions: 100, maxAgents: 16 } as const

const isHost = (placement: Placement): boolean => placement.startsWith(hostPlacement(""))

/** The host with the fewest instances, among those in the requested region that a live runner serves. */
const hostFor = (region: Placement | undefined, known: ReadonlyArray<KnownPlacement>): Placement | undefined =>
  known
    .filter(({ placement, servedWith }) => isHost(placement) && servedWith.includes(region ?? placement))
    .toSorted((left, right) => left.instances - right.instances || (left.placement < right.placement ? -1 : 1))[0]
    ?.placement

/** Undefined when no live runner could serve the instance. */
const placementOf = (
  { driver, placement, region }: InstanceRegistration,
  known: ReadonlyArray<KnownPlacement>
): Placement | undefined => {
  if (placement !== undefined) return placement
  // A region is a label with any text. It is also a placement only when runners serve it, or did of late.
  const ofRegion = known.find((other) => region !== undefined && other.placement === `region-${region}`)?.placement
  if (driver === "process") {
    return known.some((other) => isHost(other.placement)) ? hostFor(ofRegion, known) : defaultPlacement
  }
  return ofRegion ?? defaultPlacement
}

const shown = (placement: KnownPlacement): string =>
  isServed(placement) ? placement.placement : `${placement.placement} (no runner now)`

const faultsOf = (
  registration: InstanceRegistration,
  placement: Placement,
  known: ReadonlyArray<KnownPlacement>
): ReadonlyArray<FieldFault> => [
  ...(known.some((other) => other.placement === placement)
    ? []
    : [{ path: "placement", expected: `one that a runner serves: ${known.map(shown).join(", ")}` }]),
  ...(registration.driver === "remote" && registration.endpoint === undefined
    ? [{ path: "endpoint", expected: "url and token of the running gateway, which driver remote needs" }]
    : []),
  ...fieldFaults(registration.driver, registration, defaults)
]

const unserved = (what: string) =>
  new ActorUnavailable({
    reason: "Moving",
    message: `${what}; start one there (clawster runner), then register again`,
    retryAfterMillis: 5_000
  })

/**
 * The complete spec. Fails with `InvalidInput` and the fields that are wrong, a placement that nobody knows among them;
 * with `ActorUnavailable` when the placement is known and has no live runner now, or when none could take the instance.
 */
export const toInstanceSpec = Effect.fnUntraced(function* (
  registration: InstanceRegistration,
  known: ReadonlyArray<KnownPlacement>
) {
  if (!known.some(isServed)) return yield* unserved("no runner is live, so no instance can be placed")
  const placement = placementOf(registration, known)
  if (placement === undefined) return yield* unserved("no live runner serves a host that could start a gateway")
  const faults = faultsOf(registration, placement, known)
  if (faults.length > 0) return yield* new InvalidInput({ message: "the instance cannot be registered so", faults })
  if (!known.some((other) => other.placement === placement && isServed(other))) {
    return yield* unserved(`no live runner serves ${placement} now`)
  }
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
