/**
 * Detects fields of an instance's spec that its driver cannot apply. They are refused instead of stored, so that every
 * accepted field takes effect. Specs stored with such a field by an earlier version are still read.
 */
import type { UpdateInstance } from "../../../rpc/Requests.ts"
import type { FieldFault } from "../../../schema/Errors.ts"
import type { DriverKind } from "../../../schema/Instance.ts"
import type { Supervision } from "../../../schema/instance/Supervision.ts"

type Given = Omit<UpdateInstance, "endpoint"> & { readonly endpoint?: unknown }

interface Caps {
  readonly maxConcurrentTasks: number
}

const nothing = (path: string, because: string): FieldFault => ({ path, expected: `nothing: ${because}` })

const limitFaults = (driver: DriverKind, limits: Given["resourceLimits"] = {}): ReadonlyArray<FieldFault> =>
  Object.keys(limits).flatMap((limit) => {
    const path = `resourceLimits.${limit}`
    if (driver === "remote")
      return [nothing(path, "driver remote does not start its gateway; limit it where it is started")]
    if (driver === "simulated") return [nothing(path, "driver simulated has no process to limit")]
    return limit === "maxMemoryMB"
      ? []
      : [nothing(path, "driver process can limit memory alone; limit the runner's container or user instead")]
  })

const configFaults = (driver: DriverKind, config: Given["gatewayConfig"]): ReadonlyArray<FieldFault> => {
  if (config === undefined || config === null) return []
  if (driver !== "process") return [nothing("gatewayConfig", `driver ${driver} does not configure its gateway`)]
  return typeof config === "object" && !Array.isArray(config)
    ? []
    : [{ path: "gatewayConfig", expected: "an object of OpenClaw's settings" }]
}

const defaultWaits = { reconnect: [250, 15_000], restart: [1_000, 60_000] } as const

/** A `firstMillis` above the default longest delay must come with a `longestMillis` that is at least as long. */
const waitFaults = (supervision: Supervision): ReadonlyArray<FieldFault> =>
  (["reconnect", "restart"] as const).flatMap((name) => {
    const [first, longest] = defaultWaits[name]
    const { firstMillis = first, longestMillis = longest } = supervision[name] ?? {}
    return firstMillis <= longestMillis
      ? []
      : [{ path: `supervision.${name}.longestMillis`, expected: `firstMillis, which is ${firstMillis}, or more` }]
  })

const supervisionFaults = (driver: DriverKind, supervision: Given["supervision"]): ReadonlyArray<FieldFault> => {
  const given = supervision ?? {}
  const unused: ReadonlyArray<readonly [field: keyof Supervision, by: DriverKind, because: string]> = [
    ["startupMillis", "remote", "driver remote does not start its gateway"],
    ["restartAfterProbes", "remote", "driver remote does not start its gateway"],
    ["restartsMost", "remote", "a remote gateway is never given up"],
    ["whenAway", "process", "a gateway that is started here ends itself when it is not kept"],
    ["whenAway", "simulated", "a simulated gateway ends itself when it is not kept"],
    ["startupMillis", "simulated", "driver simulated has no startup probe"],
    ["reconnect", "simulated", "driver simulated has no connection to lose"]
  ]
  return [
    ...unused.flatMap(([field, by, because]) =>
      by === driver && given[field] !== undefined ? [nothing(`supervision.${field}`, because)] : []
    ),
    ...waitFaults(given)
  ]
}

/** `present` contains the caps that apply where the request names none. */
export const fieldFaults = (driver: DriverKind, given: Given, present: Caps): ReadonlyArray<FieldFault> => {
  const tasks = given.maxConcurrentTasks ?? present.maxConcurrentTasks
  return [
    ...(driver !== "remote" && given.endpoint !== undefined
      ? [nothing("endpoint", `driver ${driver} has no endpoint of its own`)]
      : []),
    ...configFaults(driver, given.gatewayConfig),
    ...limitFaults(driver, given.resourceLimits),
    ...supervisionFaults(driver, given.supervision),
    ...(given.maxAgents === undefined
      ? []
      : [nothing("maxAgents", "each gateway runs one agent for Clawster; bound its work with maxConcurrentTasks")]),
    ...((given.enabledChannels ?? []).length === 0
      ? []
      : [nothing("enabledChannels", `driver ${driver} does not start channels; they belong to gateways of your own`)]),
    ...(given.maxConcurrentSessions !== undefined && given.maxConcurrentSessions > tasks
      ? [
          {
            path: "maxConcurrentSessions",
            expected: `at most maxConcurrentTasks, which is ${tasks}: each session at work takes one of its slots`
          }
        ]
      : [])
  ]
}
