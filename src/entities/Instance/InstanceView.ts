/** The public status of an instance, derived from its state. It carries no token. */
import type { View } from "../../actor/Actor.ts"
import type { InstanceLoad, InstancePhase, InstanceStatus, Occupancy } from "../../schema/Instance.ts"
import { currentLoad, type InstanceRecord, type InstanceState, isRegistered } from "./InstanceState.ts"

const occupancies: Record<InstancePhase, Occupancy> = {
  provisioning: "warming",
  warming: "warming",
  warm: "warm",
  claimed: "claimed",
  draining: "releasing",
  hibernated: "destroyed",
  stopped: "destroyed",
  destroyed: "destroyed",
  failed: "destroyed"
}

const isUp = ({ phase }: InstanceRecord): boolean => phase === "warm" || phase === "claimed" || phase === "draining"

const statusWith = (record: InstanceRecord, breaker: InstanceStatus["breaker"], load: InstanceLoad): InstanceStatus => {
  const { spec } = record
  return {
    instanceId: spec.instanceId,
    driver: spec.driver,
    placement: spec.placement,
    ...(spec.region === undefined ? {} : { region: spec.region }),
    tenancy: spec.tenancy,
    capabilities: spec.capabilities,
    allowedModels: spec.allowedModels,
    maxConcurrentTasks: spec.maxConcurrentTasks,
    maxConcurrentSessions: spec.maxConcurrentSessions,
    phase: record.phase,
    health: record.health,
    occupancy: occupancies[record.phase],
    breaker,
    load,
    ...(record.reason === undefined ? {} : { reason: record.reason }),
    ...(record.url === undefined ? {} : { url: record.url }),
    ...(record.version === undefined ? {} : { version: record.version }),
    ...(record.bootId === undefined ? {} : { bootId: record.bootId }),
    restarts: record.restarts,
    registeredAt: record.registeredAt,
    ...(record.registration === undefined ? {} : { registration: record.registration }),
    ...(record.readyAt === undefined || !isUp(record) ? {} : { readyAt: record.readyAt }),
    ...(spec.supervision === undefined ? {} : { supervision: spec.supervision }),
    ...(record.lastHeartbeatAt === undefined ? {} : { lastHeartbeatAt: record.lastHeartbeatAt })
  }
}

/** The status with the current load. */
export const statusOf = (state: InstanceState, record: InstanceRecord): InstanceStatus =>
  statusWith(record, state.breaker.state, currentLoad(state, record.load))

interface Viewed {
  readonly breaker: InstanceStatus["breaker"]
  readonly view: View<InstanceStatus>
}
const views = new WeakMap<InstanceRecord, Viewed>()

/**
 * Undefined once the instance is deregistered. The view carries the load as last reported, and is the same object until
 * the record or the breaker's state changes, so that a run causes no write of the view.
 */
export const viewOf = ({ breaker, record }: InstanceState): View<InstanceStatus> | undefined => {
  if (!isRegistered(record)) return undefined
  const known = views.get(record)
  if (known?.breaker === breaker.state) return known.view
  const { tenancy } = record.spec
  const view = {
    tenantId: tenancy._tag === "dedicated" ? tenancy.tenantId : undefined,
    doc: statusWith(record, breaker.state, record.load)
  }
  views.set(record, { breaker: breaker.state, view })
  return view
}
