/**
 * Changes an instance's spec in place. Running work, sessions and history are kept. Limits and labels apply at once, a
 * new address or token applies by reconnecting, and settings that only a start reads apply from the next start. Driver,
 * placement and tenancy cannot be changed, since work and files depend on them.
 */
import { Equal, Redacted } from "effect"
import { answer, type DecideContext, type Decision, refuse } from "../../actor/Actor.ts"
import type { ChangedField, UpdatedInstance, UpdateInstance } from "../../rpc/Requests.ts"
import { Conflict, type NotFound } from "../../schema/Errors.ts"
import type { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import type { InstanceSpec, RemoteEndpoint } from "../../schema/Instance.ts"
import { isSupervised } from "./InstanceSignals.ts"
import { type InstanceRecord, type InstanceState, isRegistered } from "./InstanceState.ts"
import { statusOf } from "./InstanceView.ts"
import { unknown } from "./InstanceCommands.ts"
import { beginStart } from "./LifecycleTransitions.ts"
import { about, draft } from "./runs/RunTransitions.ts"

const fixed = ["driver", "placement", "tenancy"] as const

const updatedEndpoint = (
  known: RemoteEndpoint,
  { token, url = known.url }: NonNullable<UpdateInstance["endpoint"]> = {}
): RemoteEndpoint => ({ url, token: token === undefined ? known.token : Redacted.make(token) })

const updated = (spec: InstanceSpec, update: UpdateInstance): InstanceSpec => {
  const { endpoint, gatewayConfig, region, supervision, ...given } = update
  const {
    endpoint: knownEndpoint,
    gatewayConfig: knownConfig,
    region: knownRegion,
    supervision: knownSupervision,
    ...known
  } = spec
  const nextRegion = region === undefined ? knownRegion : region
  const nextConfig = gatewayConfig === undefined ? knownConfig : gatewayConfig
  const nextSupervision = supervision === undefined ? knownSupervision : supervision
  return {
    ...known,
    ...given,
    ...(nextRegion === undefined || nextRegion === null ? {} : { region: nextRegion }),
    ...(nextConfig === undefined || nextConfig === null ? {} : { gatewayConfig: nextConfig }),
    ...(nextSupervision === undefined || nextSupervision === null ? {} : { supervision: nextSupervision }),
    ...(knownEndpoint === undefined ? {} : { endpoint: updatedEndpoint(knownEndpoint, endpoint) })
  }
}

const changedKeys = (before: InstanceSpec, after: InstanceSpec): ReadonlyArray<keyof InstanceSpec> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)] as Array<keyof InstanceSpec>)].filter(
    (key) => !Equal.equals(before[key], after[key])
  )

/** The parts of the supervision that are read when the gateway is started and connected to. */
const atStart = ({ supervision }: InstanceSpec) => [
  supervision?.startupMillis,
  supervision?.readyMillis,
  supervision?.reconnect
]

/**
 * Whether the change takes effect only at a restart. A gateway process of ours has a task limit of its own, which it
 * reads when it starts, so a raised limit is among these changes.
 */
const isForRestart = (field: keyof InstanceSpec, before: InstanceSpec, after: InstanceSpec): boolean =>
  field === "resourceLimits" ||
  field === "gatewayConfig" ||
  (field === "supervision" && !Equal.equals(atStart(before), atStart(after))) ||
  (field === "maxConcurrentTasks" && after.driver === "process" && after.maxConcurrentTasks > before.maxConcurrentTasks)

/** Whether a supervision is running, or will be after a planned restart. */
const isConnecting = (record: InstanceRecord): boolean =>
  record.phase !== "draining" && (isSupervised(record) || record.restartAt !== undefined)

export const update = (
  state: InstanceState,
  { update }: { readonly update: UpdateInstance },
  { entityId, now }: DecideContext
): Decision<InstanceEvent, UpdatedInstance, NotFound | Conflict> => {
  const { record } = state
  if (!isRegistered(record)) return unknown(entityId)
  const { spec } = record
  const refused = fixed.filter((field) => update[field] !== undefined && !Equal.equals(update[field], spec[field]))
  if (refused.length > 0) {
    return refuse(
      new Conflict({
        message: `${refused.join(", ")} of instance ${spec.instanceId} cannot be changed; deregister it and register it again`,
        state: record.phase
      })
    )
  }
  const next = updated(spec, update)
  const fields = changedKeys(spec, next)
  if (fields.length === 0) return answer({ ...statusOf(state, record), changed: [] })
  const change = draft(state)
  change.emit({ _tag: "instance.updated", ...about(record), changed: fields, at: now, secret: { spec: next } })
  const reconnects = fields.includes("endpoint") && isConnecting(record)
  if (reconnects) beginStart(change, now, { reset: true })
  const changed = fields.map((field): ChangedField => {
    const waits = isForRestart(field, spec, next) || (field === "endpoint" && !reconnects)
    return { field, takesEffect: waits ? "restart" : "now" }
  })
  return change.accept({ ...statusOf(change.state, change.state.record!), changed })
}
