/**
 * Three machines with a gateway each, beside three runners that keep lanes and sessions. Under load one machine is lost
 * for good, with its gateway or without, and another is cut off for longer than its gateway lives without a runner.
 */
import { Clock, Context, Effect, Layer, Random, Schedule } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as Catalogued from "../../../src/entities/catalog/Actors.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import { Session } from "../../../src/entities/Session.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { Fleet } from "../../../src/ports/Fleet.ts"
import {
  hostPlacement,
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  sessionEntityId,
  SessionId,
  TaskId,
  TenantId
} from "../../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import { watchCaps } from "../../../src/testing/checks/Caps.ts"
import { eventsOf, type Violation } from "../../../src/testing/checks/History.ts"
import { rowByRow, type Watcher } from "../../../src/testing/checks/Observation.ts"
import { allEnded, watchOutcomes } from "../../../src/testing/checks/Outcomes.ts"
import { Machines } from "../../../src/testing/index.ts"
import type { Scenario } from "../../../src/testing/Scenario.ts"
import * as FleetDrivers from "../../../src/testing/scenarios/FleetDrivers.ts"
import * as FleetReads from "../../../src/testing/scenarios/FleetReads.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"

export interface Bugs {
  /** Lanes and sessions never learn for how long an instance has been unknown. */
  readonly unaware?: true
  /** Gateways go on without a runner. */
  readonly undying?: true
}

const hosts = ["a", "b", "c"] as const
const slots = 20
const tasks = 50
const turns = 8
const lanes = [
  ["acme", "default"],
  ["bolt", "bulk"]
] as const
const sessions = ["talk-1", "talk-2"].map((id) => SessionId.make(id))
const acme = TenantId.make("acme")

/** Milliseconds within which what ran on a lost instance must have been given up: what C4 leaves, and a look. */
export const boundMillis = 30_000

const gatewayOf = (host: string) => InstanceId.make(`gateway-${host}`)
const insist = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.orDie(Effect.retry(effect, { times: 50 }))

/** What a run has seen, for its checks and its test. */
export class Seen {
  /** Unix milliseconds at which an instance was lost for good. */
  readonly lostAt = new Map<string, number>()
  readonly completed = new Set<string>()
  readonly turnsCompleted = new Set<string>()
  readonly failed: Array<string> = []
  /** Milliseconds from the loss until a task that ran there was given up. */
  readonly reroutes: Array<number> = []
  fleet: SimulatedFleet["Service"] | undefined
  /** Where each task that runs is running, with its start. */
  readonly #running = new Map<string, string>()

  readonly watch = (): Watcher => (observation) => {
    for (const { event, row } of eventsOf(observation.fresh)) this.#note(event, row.at)
    return [...this.#stranded(observation.epoch + observation.now), ...this.#twice()]
  }

  #note(event: { readonly _tag: string; readonly [field: string]: any }, at: number): void {
    const task = `${event["tenantId"]}/${event["taskId"]}`
    if (event._tag === "task.started") this.#running.set(task, event["instanceId"])
    if (/^task\.(completed|failed|cancelled|dead_lettered|retrying|requeued)$/.test(event._tag))
      this.#running.delete(task)
    if (event._tag === "task.completed") this.completed.add(task)
    if (event._tag === "task.failed" || event._tag === "task.dead_lettered") this.failed.push(task)
    if (event._tag === "session.turn_completed") this.turnsCompleted.add(event["turnId"])
    if (event._tag === "session.turn_failed") this.failed.push(event["turnId"])
    const lostAt = event["rerouted"] === undefined ? undefined : this.lostAt.get(event["instanceId"])
    if (lostAt !== undefined) this.reroutes.push(at - lostAt)
  }

  /** No task waits on an instance that was lost longer ago than the bound. */
  #stranded(now: number): ReadonlyArray<Violation> {
    return [...this.#running].flatMap(([task, instanceId]) => {
      const millis = now - (this.lostAt.get(instanceId) ?? Infinity)
      return millis <= boundMillis
        ? []
        : [{ invariant: "lost", message: `${task} waits on ${instanceId}, which was lost ${millis} ms ago` }]
    })
  }

  /** No task or turn runs at two gateways at once. */
  #twice(): ReadonlyArray<Violation> {
    const where = new Map<string, string>()
    return hosts.flatMap((host) => {
      const { process } = this.fleet?.gateway(gatewayOf(host)) ?? {}
      return (process?.runningKeys ?? []).flatMap((runKey) => {
        const work = runKey.slice(0, runKey.lastIndexOf("."))
        const other = where.get(work)
        where.set(work, host)
        return other === undefined
          ? []
          : [{ invariant: "I3", message: `${work} runs at ${other} and at ${host} at the same time` }]
      })
    })
  }
}

const setUp = Effect.gen(function* () {
  const machines = yield* Machines
  const instance = yield* ActorClient.make(Instance)
  const lane = yield* ActorClient.make(Lane)
  const session = yield* ActorClient.make(Session)
  yield* Effect.sleep("3 seconds")
  for (const host of hosts) {
    const placement = hostPlacement(host)
    yield* machines.join(`far-${host}`, [placement])
    const spec = instanceSpec(gatewayOf(host), { placement, maxConcurrentTasks: slots })
    const actor = instance(instanceEntityId(placement, spec.instanceId))
    yield* insist(actor.Register({ spec }))
    yield* insist(
      Effect.repeat(actor.InstanceGet(), {
        until: ({ phase }) => phase === "warm",
        schedule: Schedule.spaced("200 millis")
      })
    )
  }
  for (const [tenantId, name] of lanes) {
    const entityId = laneEntityId(TenantId.make(tenantId), LaneName.make(name))
    yield* insist(lane(entityId).Configure({ config: { ...defaultLaneConfig, concurrency: 8 } }))
  }
  for (const id of sessions) yield* insist(session(sessionEntityId(acme, id)).SessionCreate({ hints: {} }))
})

const submitting = Effect.gen(function* () {
  const client = yield* ActorClient.make(Lane)
  for (let n = 0; n < tasks; n++) {
    const [tenant, name] = lanes[n % lanes.length]!
    const [tenantId, lane] = [TenantId.make(tenant), LaneName.make(name)]
    const millis = yield* Random.nextIntBetween(5_000, 45_000)
    const task = {
      taskId: TaskId.make(`task-${n}`),
      tenantId,
      lane,
      payload: { message: `work ${n} [[delay ${millis}]]` },
      priority: "normal" as const,
      hints: {},
      retry: { maxAttempts: 3, backoffMillis: 500, maxBackoffMillis: 4_000 },
      timeoutMillis: 120_000
    }
    yield* insist(client(laneEntityId(tenantId, lane)).Submit({ tasks: [task] }, { requestId: `submit-${n}` }))
    yield* Effect.sleep("800 millis")
  }
})

const talking = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const session = (yield* ActorClient.make(Session))(sessionEntityId(acme, sessionId))
    for (let n = 0; n < turns; n++) {
      const turnId = `${sessionId}-${n}`
      const message = `turn ${n} [[delay 4000]]`
      yield* insist(session.TurnSend({ turnId, message, timeoutMillis: 120_000 }, { requestId: turnId }))
      yield* Effect.sleep("5 seconds")
    }
  })

/** Whether the lost machine takes its gateway with it is drawn; else its gateway goes on for as long as it may. */
const losing = (seen: Seen) =>
  Effect.gen(function* () {
    const machines = yield* Machines
    const fleet = yield* SimulatedFleet
    yield* Effect.sleep(yield* Random.nextIntBetween(8_000, 20_000))
    seen.lostAt.set(gatewayOf("a"), yield* Clock.currentTimeMillis)
    yield* machines.lose("far-a")
    if (yield* Random.nextBoolean) yield* fleet.crash(gatewayOf("a"))
    yield* Effect.sleep(yield* Random.nextIntBetween(2_000, 20_000))
    yield* Effect.scoped(
      Effect.andThen(machines.cutOff("far-b"), Effect.sleep(yield* Random.nextIntBetween(30_000, 60_000)))
    )
  })

const unaware = Layer.effect(
  Fleet,
  Effect.map(Fleet, (fleet) => Fleet.of({ ...fleet, readAt: Effect.succeed(undefined) }))
).pipe(Layer.provide(FleetReads.layer))

const openTurns = (seen: Seen) => sessions.length * turns - seen.turnsCompleted.size

export const make = (seen: Seen, bugs: Bugs = {}): Scenario<SimulatedFleet> => {
  const reads = bugs.unaware === true ? Layer.merge(FleetReads.layer, unaware) : FleetReads.layer
  const lifeline = bugs.undying === true ? {} : { orphanAfterMillis: 12_000 }
  return {
    actors: Layer.provide(Catalogued.layer, [reads, FleetDrivers.layer]) as Scenario<SimulatedFleet>["actors"],
    definitions: Catalogued.definitions,
    outside: SimulatedFleet.layer({
      resumeAfterMillis: 1_000,
      startMillis: 300,
      maxConcurrentRuns: slots,
      ...lifeline
    }),
    disturb: (context) => {
      seen.fleet = Context.get(context, SimulatedFleet)
      return () => () => {}
    },
    workload: Effect.tap(SimulatedFleet, (fleet) => Effect.sync(() => (seen.fleet = fleet))).pipe(
      Effect.andThen(setUp),
      Effect.andThen(
        Effect.all([submitting, ...sessions.map(talking), losing(seen)], { concurrency: "unbounded", discard: true })
      )
    ),
    checks: [rowByRow(watchOutcomes), rowByRow(watchCaps), seen.watch],
    unfinished: ({ history }) => [
      ...allEnded(history)
        .slice(0, 5)
        .map(({ message }) => message),
      ...(openTurns(seen) === 0 ? [] : [`${openTurns(seen)} turns have not ended`])
    ],
    settleMillis: 300_000
  }
}

export const all = { tasks, turns: sessions.length * turns }
