/** The public status of an instance, derived from its state. It carries no token. */
import type { View } from "../../actor/Actor.ts"
import type { InstanceLoad, InstancePhase, InstanceStatus, Occupancy } from "../../schema/Instance.ts"
import type { RecentFailures } from "../../schema/instance/RecentFailures.ts"
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

const statusWith = (
  { breaker, recentFailures }: Pick<InstanceState, "breaker" | "recentFailures">,
  record: InstanceRecord,
  load: InstanceLoad
): InstanceStatus => {
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
    breaker: breaker.state,
    load,
    ...(recentFailures === undefined ? {} : { recentFailures }),
    ...(record.grantsSlots === undefined ? {} : { grantsSlots: record.grantsSlots }),
    ...(record.share === undefined ? {} : { share: record.share }),
    ...(record.reason === undefined ? {} : { reason: record.reason }),
    ...(record.url === undefined ? {} : { url: record.url }),
    ...(record.version === undefined ? {} : { version: record.version }),
    ...(record.bootId === undefined ? {} : { bootId: record.bootId }),
    ...(record.lifelineMillis === undefined ? {} : { lifelineMillis: record.lifelineMillis }),
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
  statusWith(state, record, currentLoad(state, record.load))

interface Viewed {
  readonly breaker: InstanceStatus["breaker"]
  readonly recentFailures: RecentFailures | undefined
  readonly view: View<InstanceStatus>
}
const views = new WeakMap<InstanceRecord, Viewed>()

/**
 * Undefined once the instance is deregistered. The view carries the load as last reported, and is the same object until
 * the record, the breaker's state or the recent failures change, so that a run causes no write of the view while no
 * run fails.
 */
export const viewOf = (state: InstanceState): View<InstanceStatus> | undefined => {
  const { breaker, recentFailures, record } = state
  if (!isRegistered(record)) return undefined
  const known = views.get(record)
  if (known?.breaker === breaker.state && known.recentFailures === recentFailures) return known.view
  const { tenancy } = record.spec
  const view = {
    tenantId: tenancy._tag === "dedicated" ? tenancy.tenantId : undefined,
    doc: statusWith(state, record, record.load)
  }
  views.set(record, { breaker: breaker.state, recentFailures, view })
  return view
}
