/** A client of lanes without instances: it submits, and the tasks wait. */
import { Effect } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { laneEntityId, LaneName, TaskId, TenantId } from "../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../src/schema/Lane.ts"
import { defaultRetryPolicy, type Priority, type TaskSpec } from "../../src/schema/Task.ts"

const priorities: ReadonlyArray<Priority> = ["normal", "low", "high", "normal", "critical"]
/** What a short chat message weighs. */
const message = "Summarise the mails of today and put what needs an answer on my list. ".repeat(3)

export interface LaneAddress {
  readonly tenantId: TenantId
  readonly lane: LaneName
}

export const lanesOf = (count: number): ReadonlyArray<LaneAddress> =>
  Array.from({ length: count }, (_, n) => ({ tenantId: TenantId.make("bench"), lane: LaneName.make(`lane-${n}`) }))

/** Tenants of one lane each. */
export const tenantsOf = (count: number): ReadonlyArray<LaneAddress> =>
  Array.from({ length: count }, (_, n) => ({ tenantId: TenantId.make(`tenant-${n}`), lane: LaneName.make("tasks") }))

/** Calls take the lanes in turn. */
export const make = Effect.fnUntraced(function* (lanes: ReadonlyArray<LaneAddress>) {
  const clientOf = yield* ActorClient.make(Lane)
  const clients = lanes.map(({ lane, tenantId }) => clientOf(laneEntityId(tenantId, lane)))
  let ids = 0
  const task = (address: LaneAddress): TaskSpec => ({
    ...address,
    taskId: TaskId.make(`task-${String(ids++).padStart(9, "0")}`),
    payload: { message },
    priority: priorities[ids % priorities.length]!,
    hints: {},
    retry: defaultRetryPolicy,
    timeoutMillis: 60_000,
    idIsNew: true
  })
  const submitMany = (n: number, count: number) =>
    Effect.suspend(() => {
      const [first, ...rest] = Array.from({ length: count }, () => task(lanes[n % lanes.length]!))
      return clients[n % lanes.length]!.Submit({ tasks: [first!, ...rest] })
    })
  return {
    submitMany,
    submit: (n: number) => submitMany(n, 1),
    status: (n: number) => clients[n]!.LaneGet(),
    configure: (n: number, concurrency: number) =>
      clients[n]!.Configure({ config: { ...defaultLaneConfig, capacity: 10_000_000, concurrency } })
  }
})
