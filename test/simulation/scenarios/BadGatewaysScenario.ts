/**
 * 50 gateways, of which some fail every run at once, some never end one, and some answer late. Four lanes of as many
 * tenants: first a trickle of tasks, when nearly all gateways are idle, then as many at once as there are slots.
 */
import { Effect, Random, Schedule } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import {
  defaultPlacement,
  instanceEntityId,
  laneEntityId,
  LaneName,
  TaskId,
  TenantId
} from "../../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../../src/schema/Task.ts"
import { eventsOf } from "../../../src/testing/checks/History.ts"
import { allEnded } from "../../../src/testing/checks/Outcomes.ts"
import type { Scenario } from "../../../src/testing/Scenario.ts"
import * as FleetScenario from "../../../src/testing/scenarios/FleetScenario.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"

export interface Mix {
  readonly failing: number
  readonly hanging: number
  readonly late: number
}

export const gateways = 50
const slots = 8
const trickle = 200
const trickleEveryMillis = 250
const lanes = ["acme", "bolt", "core", "dune"].map((name) => [TenantId.make(name), LaneName.make("main")] as const)
const forEver = 1_000_000

export const kindOf = (
  { failing, hanging, late }: Mix,
  instanceId: string
): "failing" | "hanging" | "late" | "well" => {
  const n = Number(instanceId.slice(1))
  if (n < failing) return "failing"
  return n < failing + hanging ? "hanging" : n < failing + hanging + late ? "late" : "well"
}

/** What became of the tasks. */
export class Tally {
  /** Attempts of each completed task. */
  readonly completed = new Map<string, number>()
  readonly deadLettered = new Set<string>()
  /** Instances of each task's attempts, in order. */
  readonly attempts = new Map<string, Array<string>>()
  readonly openedBreakers = new Set<string>()

  note({ event }: { readonly event: { readonly _tag: string; readonly [field: string]: any } }): void {
    const taskId: string = event["taskId"]
    if (event._tag === "task.started")
      this.attempts.set(taskId, [...(this.attempts.get(taskId) ?? []), event["instanceId"]])
    if (event._tag === "task.completed") this.completed.set(taskId, event["attempt"])
    if (event._tag === "task.dead_lettered") this.deadLettered.add(taskId)
    if (event._tag === "instance.breaker_opened") this.openedBreakers.add(event["instanceId"])
  }

  /** Tasks that completed at their first or second attempt. */
  get soon(): number {
    return [...this.completed.values()].filter((attempt) => attempt <= 2).length
  }
}

const specOf = (instanceId: string) =>
  instanceSpec(instanceId, { placement: defaultPlacement, maxConcurrentTasks: slots })

const taskOf = (n: number, delayMillis: number): TaskSpec => {
  const [tenantId, lane] = lanes[n % lanes.length]!
  return {
    taskId: TaskId.make(`task-${n}`),
    tenantId,
    lane,
    payload: { message: `work ${n} [[delay ${delayMillis}]]` },
    priority: "normal",
    hints: {},
    retry: defaultRetryPolicy,
    timeoutMillis: 6_000,
    idIsNew: true
  }
}

const setUp = (mix: Mix) =>
  Effect.gen(function* () {
    const fleet = yield* SimulatedFleet
    const instance = yield* ActorClient.make(Instance)
    const lane = yield* ActorClient.make(Lane)
    const ids = Array.from({ length: gateways }, (_, n) => `i${n}`)
    for (const id of ids) {
      const kind = kindOf(mix, id)
      if (kind === "failing") yield* fleet.order(id, { _tag: "failure", message: "no reason", turns: forEver })
      if (kind === "hanging") yield* fleet.order(id, { _tag: "hang", turns: forEver })
      if (kind === "late") yield* fleet.order(id, { _tag: "slow", millis: 4_000, turns: forEver })
    }
    const actorOf = (id: string) => instance(instanceEntityId(defaultPlacement, specOf(id).instanceId))
    yield* Effect.forEach(ids, (id) => actorOf(id).Register({ spec: specOf(id) }), { concurrency: 10, discard: true })
    yield* Effect.forEach(ids, (id) =>
      Effect.repeat(actorOf(id).InstanceGet(), {
        until: ({ phase }) => phase === "warm",
        schedule: Schedule.spaced("200 millis")
      })
    )
    yield* Effect.forEach(lanes, ([tenantId, name]) =>
      lane(laneEntityId(tenantId, name)).Configure({ config: { ...defaultLaneConfig, concurrency: 500 } })
    )
  })

export const tasks = trickle + gateways * slots

const workload = (mix: Mix) =>
  Effect.gen(function* () {
    yield* setUp(mix)
    const client = yield* ActorClient.make(Lane)
    const submit = (n: number) =>
      Effect.flatMap(Random.nextIntBetween(300, 1_000), (millis) => {
        const task = taskOf(n, millis)
        return client(laneEntityId(task.tenantId, task.lane)).Submit({ tasks: [task] })
      })
    for (let n = 0; n < trickle; n++) yield* Effect.andThen(submit(n), Effect.sleep(trickleEveryMillis))
    yield* Effect.forEach(
      Array.from({ length: gateways * slots }, (_, n) => trickle + n),
      submit,
      { concurrency: 40, discard: true }
    )
  }).pipe(Effect.orDie)

const { actors, definitions } = FleetScenario.make()

export const make = (mix: Mix, tally: Tally): Scenario<SimulatedFleet> => ({
  actors,
  definitions,
  runners: 2,
  outside: SimulatedFleet.layer({ maxConcurrentRuns: slots }),
  workload: workload(mix),
  checks: [
    () =>
      ({ fresh }) => {
        for (const found of eventsOf(fresh)) tally.note(found)
        return []
      }
  ],
  unfinished: ({ history }) =>
    allEnded(history)
      .slice(0, 5)
      .map(({ message }) => message)
})
