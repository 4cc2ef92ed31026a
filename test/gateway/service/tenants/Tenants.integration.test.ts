/** A tenant is stopped and resumed on PostgreSQL, beside another that goes on. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as DriverSet from "../../../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../../src/instances/simulated/SimulatedFleet.ts"
import * as RunnerActors from "../../../../src/runners/RunnerActors.ts"
import { defaultPlacement } from "../../../../src/schema/Ids.ts"
import * as Cluster from "../../../../src/shards/Cluster.ts"
import * as Postgres from "../../../fixtures/servers/Postgres.ts"
import { untilAnswer } from "../../../fixtures/Until.ts"
import { PgEdge } from "../../PgEdge.ts"

const layer = PgEdge.layer.pipe(
  Layer.provideMerge(RunnerActors.layer),
  Layer.provide(DriverSet.layer([SimulatedDriver.make])),
  Layer.provide(SimulatedFleet.layer({ startMillis: 1, turnMillis: 200 })),
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(Postgres.layer)
)

const ask = Effect.fnUntraced(function* (method: string, path: string, body?: object) {
  const { token, url } = yield* PgEdge
  return yield* Effect.promise(async () => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${url}/api/v1${path}`, { method, headers, ...content })
    return { status: response.status, body: (await response.json()) as any }
  })
})

const tasksEach = 40
const turnsSent = 25
const patience = { timeout: "90 seconds" } as const

const submitted = (tenantId: string) =>
  ask("POST", "/tasks/bulk", {
    tasks: Array.from({ length: tasksEach }, () => ({ tenantId, payload: { message: "work" } }))
  })

const usage = (tenantId: string) => Effect.map(ask("GET", `/tenants/${tenantId}`), ({ body }) => body.usage)

const turns = Effect.map(ask("GET", "/sessions/talk?tenantId=acme"), ({ body }) => body)

it.live(
  "a suspended tenant starts nothing more within seconds while the other goes on, and a resume goes on with all of it",
  () =>
    Effect.gen(function* () {
      yield* ask("POST", "/instances", { instanceId: "i1", driver: "simulated", maxConcurrentTasks: 4 })
      yield* untilAnswer("ready", ask("GET", "/instances/i1/health"), ({ body }) => body.health === "healthy")
      yield* ask("POST", "/sessions", { sessionId: "talk", tenantId: "acme" })
      for (let turn = 0; turn < turnsSent; turn++) {
        yield* ask("POST", "/sessions/talk/turns?tenantId=acme", { message: "hello" })
      }
      assert.strictEqual((yield* submitted("acme")).status, 202)
      assert.strictEqual((yield* submitted("globex")).status, 202)
      yield* untilAnswer("both run", Effect.all([usage("acme"), usage("globex"), turns]), ([acme, globex, talk]) =>
        [acme.running, globex.running, talk.turnsCompleted].every((count) => count > 0)
      )

      assert.strictEqual((yield* ask("POST", "/tenants/acme/suspend", { reason: "unpaid" })).status, 200)
      const held = yield* untilAnswer(
        "nothing of it runs, and its session waits",
        Effect.all([usage("acme"), turns]),
        ([acme, talk]) => acme.running === 0 && /acme to be resumed, it is suspended/.test(talk.waitingFor ?? "")
      )
      const [before, talked] = held
      assert.isAbove(before.pending, 0)
      assert.isAbove(talked.queued, 0)

      yield* untilAnswer("the other completes", usage("globex"), ({ completed }) => completed === tasksEach, patience)
      const after = yield* usage("acme")
      assert.deepStrictEqual([after.running, after.pending], [0, before.pending])
      assert.strictEqual((yield* turns).turnsCompleted, talked.turnsCompleted)
      assert.strictEqual((yield* submitted("acme")).status, 409)

      yield* ask("POST", "/tenants/acme/resume")
      yield* untilAnswer(
        "all of it completes",
        Effect.all([usage("acme"), turns]),
        ([acme, talk]) => acme.completed === tasksEach && talk.turnsCompleted === turnsSent,
        patience
      )
    }).pipe(Effect.provide(layer)),
  300_000
)

it.live(
  "a suspend that cancels ends what runs and waits, and a delete is refused until nothing does",
  () =>
    Effect.gen(function* () {
      yield* ask("POST", "/instances", { instanceId: "i1", driver: "simulated", maxConcurrentTasks: 2 })
      yield* untilAnswer("ready", ask("GET", "/instances/i1/health"), ({ body }) => body.health === "healthy")
      yield* submitted("acme")
      yield* untilAnswer("it runs", usage("acme"), ({ running }) => running > 0)
      assert.strictEqual((yield* ask("DELETE", "/tenants/acme")).status, 409)
      const suspended = yield* ask("POST", "/tenants/acme/suspend", { cancel: true })
      assert.strictEqual(suspended.body.remaining, 0)
      const { cancelled, completed, pending } = yield* untilAnswer(
        "nothing is left",
        usage("acme"),
        ({ pending, running }) => pending + running === 0
      )
      assert.deepStrictEqual([cancelled + completed, pending], [tasksEach, 0])
      assert.isAbove(cancelled, 0)
      assert.strictEqual((yield* ask("DELETE", "/tenants/acme")).body.state, "deleted")
      assert.strictEqual((yield* submitted("acme")).status, 409)
    }).pipe(Effect.provide(layer)),
  300_000
)
