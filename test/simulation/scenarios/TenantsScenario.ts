/**
 * 20 tenants on three gateways. Three of them, of weights 1, 2 and 4, have a backlog of low priority all the time; the
 * others submit a critical task now and then, and some of these hold conversations besides.
 */
import { Array as Arr, Effect, Random, Schedule } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import { Session } from "../../../src/entities/Session.ts"
import { Tenant } from "../../../src/entities/Tenant.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import {
  defaultPlacement,
  instanceEntityId,
  laneEntityId,
  LaneName,
  sessionEntityId,
  SessionId,
  TaskId,
  tenantEntityId,
  TenantId
} from "../../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import { defaultRetryPolicy, type Priority, type TaskSpec } from "../../../src/schema/Task.ts"
import { rowByRow } from "../../../src/testing/checks/Observation.ts"
import { allEnded } from "../../../src/testing/checks/Outcomes.ts"
import { watchRecalls } from "../../../src/testing/checks/slots/RecalledSlots.ts"
import { watchSlots } from "../../../src/testing/checks/slots/SlotAccounts.ts"
import { type Share, watchTenantShares } from "../../../src/testing/checks/slots/TenantShares.ts"
import { watchTenantWaits } from "../../../src/testing/checks/slots/TenantWaits.ts"
import type { Scenario } from "../../../src/testing/Scenario.ts"
import * as FleetScenario from "../../../src/testing/scenarios/FleetScenario.ts"
import { Workload } from "../../../src/testing/Workload.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"

const gateways = ["i1", "i2", "i3"]
const slotsEach = 8
export const slots = gateways.length * slotsEach
/** Milliseconds that a run takes. */
const run = { least: 500, most: 3_000 }
const sessionsMost = 5
const name = LaneName.make("main")

interface Flood {
  readonly tenantId: TenantId
  readonly weight: number
}

const floods: ReadonlyArray<Flood> = [1, 2, 4].map((weight) => ({ tenantId: TenantId.make(`flood-${weight}`), weight }))
const calm = Array.from({ length: 17 }, (_, n) => TenantId.make(`calm-${n}`))

/** What was seen of fairness. */
export class Seen {
  readonly shares: Array<Share> = []
  readonly waits: Array<number> = []
  completed = 0

  /** The share that was furthest from 1. */
  get worst(): number {
    return this.shares.reduce((worst, { ratio }) => (Math.abs(ratio - 1) > Math.abs(worst - 1) ? ratio : worst), 1)
  }

  get longest(): number {
    return this.waits.reduce((longest, millis) => Math.max(longest, millis), 0)
  }
}

const taskOf = Effect.fnUntraced(function* (taskId: string, tenantId: TenantId, priority: Priority) {
  const millis = yield* Random.nextIntBetween(run.least, run.most)
  return {
    taskId: TaskId.make(taskId),
    tenantId,
    lane: name,
    payload: { message: `work [[delay ${millis}]]` },
    priority,
    hints: {},
    retry: defaultRetryPolicy,
    timeoutMillis: 20_000,
    idIsNew: true
  } satisfies TaskSpec
})

const setUp = Effect.gen(function* () {
  const instance = yield* ActorClient.make(Instance)
  const lane = yield* ActorClient.make(Lane)
  const tenant = yield* ActorClient.make(Tenant)
  yield* Effect.forEach(floods, ({ tenantId, weight }) =>
    tenant(tenantEntityId(tenantId)).TenantSet({ change: { weight } })
  )
  yield* Effect.forEach(gateways, (id) => {
    const spec = instanceSpec(id, { placement: defaultPlacement, maxConcurrentTasks: slotsEach })
    const actor = instance(instanceEntityId(defaultPlacement, spec.instanceId))
    return Effect.andThen(
      actor.Register({ spec }),
      Effect.repeat(actor.InstanceGet(), {
        until: ({ phase }) => phase === "warm",
        schedule: Schedule.spaced("200 millis")
      })
    )
  })
  yield* Effect.forEach([...floods.map(({ tenantId }) => tenantId), ...calm], (tenantId) =>
    lane(laneEntityId(tenantId, name)).Configure({ config: { ...defaultLaneConfig, concurrency: 100 } })
  )
})

/** Each tenant numbers its tasks. */
const submitting = (tenantId: TenantId, priority: Priority) => {
  let n = 0
  const task = Effect.suspend(() => taskOf(`task-${++n}`, tenantId, priority))
  return (count: number) =>
    Effect.gen(function* () {
      const lane = (yield* ActorClient.make(Lane))(laneEntityId(tenantId, name))
      const tasks = yield* Effect.forEach(
        Arr.makeBy(count, () => 0),
        () => task
      )
      yield* lane.Submit({ tasks })
    })
}

/** Keeps its backlog longer than what it can start. */
const flooding = ({ tenantId, weight }: Flood) =>
  Effect.flatMap(Workload, ({ repeat }) => {
    const submit = submitting(tenantId, "low")
    return Effect.andThen(Effect.ignore(submit(30 * weight)), repeat(submit(8 * weight), "5 seconds"))
  })

const pause = Effect.flatMap(Random.nextIntBetween(500, 12_000), (millis) => Effect.sleep(millis))

const calmly = (tenantId: TenantId) =>
  Effect.flatMap(Workload, ({ repeat }) => {
    const submit = submitting(tenantId, "critical")
    return repeat(Effect.andThen(pause, submit(1)), "100 millis")
  })

const talking = (tenantId: TenantId) =>
  Effect.gen(function* () {
    const { repeat } = yield* Workload
    const session = (yield* ActorClient.make(Session))(sessionEntityId(tenantId, SessionId.make("talk")))
    yield* Effect.ignore(session.SessionCreate({ hints: {} }))
    let n = 0
    const turn = Effect.gen(function* () {
      const millis = yield* Random.nextIntBetween(run.least, run.most)
      const turnId = `turn-${++n}`
      yield* session.TurnSend({ turnId, message: `say [[delay ${millis}]]`, timeoutMillis: 30_000 })
    })
    yield* repeat(Effect.andThen(pause, turn), "100 millis")
  })

const workload = Effect.suspend(() =>
  Effect.andThen(
    Effect.orDie(setUp),
    Effect.all([...floods.map(flooding), ...calm.map(calmly), ...calm.slice(0, sessionsMost).map(talking)], {
      concurrency: "unbounded",
      discard: true
    })
  )
)

export const promised = { tolerance: 0.1, waitMillis: run.most + 1_000 }

export const make = (
  seen: Seen,
  variants: FleetScenario.Variants = {},
  { tolerance, waitMillis } = promised
): Scenario<SimulatedFleet> => {
  const { actors, definitions } = FleetScenario.make(variants)
  let fleet: SimulatedFleet["Service"] | undefined
  return {
    actors,
    definitions,
    runners: 2,
    outside: SimulatedFleet.layer({ maxConcurrentRuns: 64 }),
    workload: Effect.tap(SimulatedFleet, (found) => Effect.sync(() => (fleet = found))).pipe(Effect.andThen(workload)),
    checks: [
      FleetScenario.withinCap(() => fleet, slotsEach),
      rowByRow(watchSlots),
      watchRecalls(run.most + 1_000),
      watchTenantShares({
        windowMillis: 60_000,
        settledMillis: 10_000,
        tolerance,
        onShare: (share) => seen.shares.push(share)
      }),
      watchTenantWaits({
        slots,
        instances: gateways.length,
        boundMillis: waitMillis,
        onWait: (millis) => seen.waits.push(millis)
      }),
      () =>
        ({ fresh }) => {
          for (const { events } of fresh) for (const { _tag } of events) if (_tag === "task.completed") seen.completed++
          return []
        }
    ],
    unfinished: ({ history }) =>
      allEnded(history)
        .slice(0, 5)
        .map(({ message }) => message),
    settleMillis: 120_000
  }
}
