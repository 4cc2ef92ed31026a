/**
 * A host that nothing was told of joins the running fleet, takes work, leaves, and comes back: beside the usual
 * workload, with the client, the other runners and the store as they were before it came.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { hostPlacement, InstanceId, instanceEntityId, laneEntityId, LaneName, TenantId } from "../../src/schema/Ids.ts"
import { eventsOf } from "../../src/testing/checks/History.ts"
import type { Observation, Watcher } from "../../src/testing/checks/Observation.ts"
import { Machines, Simulation } from "../../src/testing/index.ts"
import type { Options } from "../../src/testing/Scenario.ts"
import * as FleetScenario from "../../src/testing/scenarios/FleetScenario.ts"
import { slots } from "../../src/testing/scenarios/FleetWorkload.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"
import { taskSpec } from "../entities/Lane/LaneWorld.ts"

const machine = "far-1"
const placement = hostPlacement("far")
const instanceId = InstanceId.make("gateway-far")
const tenantId = TenantId.make("acme")
const lane = LaneName.make("far")

/** What the checks of each virtual second have seen. */
const seeing = () => {
  const ends = new Map<string, string | undefined>()
  let shards: Observation["shards"] = new Map()
  const watch: Watcher = (observation) => {
    shards = observation.shards
    for (const { event } of eventsOf(observation.fresh)) {
      if (event._tag === "task.completed") ends.set(event["taskId"], event["instanceId"])
    }
    return []
  }
  const epoch = () =>
    Math.max(0, ...[...shards].flatMap(([shardId, row]) => (shardId.startsWith(`${placement}:`) ? [row.epoch] : [])))
  return { watch: () => watch, ends, epoch }
}

const insist = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.orDie(Effect.retry(effect, { times: 50 }))

const awaits = <E, R>(isSo: Effect.Effect<boolean, E, R>): Effect.Effect<void, never, R> =>
  Effect.flatMap(
    Effect.orElseSucceed(isSo, () => false),
    (so) => (so ? Effect.void : Effect.andThen(Effect.sleep("500 millis"), awaits(isSo)))
  )

/** What was seen, in order. */
const story = (told: Array<string>, { ends, epoch }: ReturnType<typeof seeing>) =>
  Effect.gen(function* () {
    const machines = yield* Machines
    const instance = (yield* ActorClient.make(Instance))(instanceEntityId(placement, instanceId))
    const tasks = (yield* ActorClient.make(Lane))(laneEntityId(tenantId, lane))
    const submit = (id: string) =>
      insist(
        tasks.Submit(
          { tasks: [{ ...taskSpec(id), tenantId, lane, hints: { instanceId } }] },
          { requestId: `submit-${id}` }
        )
      )
    const isServed = Effect.map(machines.served, (served) => served.has(placement))
    const ran = (id: string) => awaits(Effect.sync(() => ends.get(id) === instanceId))

    yield* Effect.sleep("3 seconds")
    yield* machines.join(machine, [placement])
    yield* insist(instance.Register({ spec: { ...instanceSpec(instanceId), placement, maxConcurrentTasks: slots } }))
    yield* submit("first")
    yield* ran("first")
    told.push("worked")
    const before = epoch()

    yield* machines.leave(machine)
    yield* awaits(Effect.map(isServed, (so) => !so))
    // A lane that has not read the fleet since sends one there, which waits for the host as well.
    let n = 0
    yield* awaits(
      Effect.gen(function* () {
        yield* submit(`later-${++n}`)
        yield* Effect.sleep("1 second")
        const { waitingFor = "" } = yield* tasks.Explain({ taskId: taskSpec(`later-${n}`).taskId })
        return /1 not heard of/.test(waitingFor)
      })
    )
    told.push("was shown as gone")

    yield* machines.join(machine, [placement])
    for (let each = 1; each <= n; each++) yield* ran(`later-${each}`)
    told.push(epoch() > before && before > 0 ? "worked under a new epoch" : `worked under epoch ${epoch()}`)
  })

const run = (seed: number, more: Partial<Options<never>> = {}) => {
  const told: Array<string> = []
  const seen = seeing()
  const scenario = FleetScenario.make()
  const options = {
    ...scenario,
    seed,
    duration: "40 seconds",
    faults: [],
    workload: Effect.all([scenario.workload, story(told, seen)], { concurrency: 2, discard: true }),
    checks: [...(scenario.checks ?? []), seen.watch],
    ...(more as object)
  } as const
  return Effect.map(Simulation.run(options), ({ violations }) => ({ told, violations }))
}

const whole = ["worked", "was shown as gone", "worked under a new epoch"]

describe("a host that joins a running simulated cluster", () => {
  it.live("takes work, is shown as gone when it has left, and takes work again under a new epoch", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(1), { told: whole, violations: [] })
    })
  )

  it.live("does so while everything around it fails", () =>
    Effect.gen(function* () {
      const found = yield* run(2, { faults: { ...FleetScenario.faults, everyMillis: 5_000 } })
      assert.deepStrictEqual(found, { told: whole, violations: [] })
    })
  )
})
