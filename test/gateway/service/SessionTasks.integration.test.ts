/** Tasks that name a session, and the deployment's caps, over REST and PostgreSQL. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as DriverSet from "../../../src/instances/InstanceDriverSet.ts"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { DeploymentCaps } from "../../../src/ports/DeploymentCaps.ts"
import * as RunnerActors from "../../../src/runners/RunnerActors.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { untilAnswer } from "../../fixtures/Until.ts"
import { PgEdge } from "../PgEdge.ts"

const layer = PgEdge.layer.pipe(
  Layer.provide(Layer.succeed(DeploymentCaps, { sessions: 1 })),
  Layer.provideMerge(RunnerActors.layer),
  Layer.provide(DriverSet.layer([SimulatedDriver.make])),
  Layer.provideMerge(SimulatedFleet.layer({ startMillis: 1, turnMillis: 100 })),
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

const patience = { timeout: "90 seconds" } as const
const long = "x".repeat(9_000)

it.live(
  "tasks run in the session that they open, one after another with its turns, and a second session finds no room",
  () =>
    Effect.gen(function* () {
      for (const instanceId of ["i1", "i2"]) {
        yield* ask("POST", "/instances", { instanceId, driver: "simulated", maxConcurrentTasks: 4 })
        yield* untilAnswer(
          "ready",
          ask("GET", `/instances/${instanceId}/health`),
          ({ body }) => body.health === "healthy"
        )
      }
      const tasks = Array.from({ length: 6 }, (_, n) => ({
        tenantId: "acme",
        sessionId: "talk",
        payload: { message: n === 0 ? `${long} [[delay 50]]` : `[[delay 50]] ${n}` }
      }))
      const submitted = yield* ask("POST", "/tasks/bulk", { tasks })
      assert.strictEqual(submitted.status, 202)
      yield* untilAnswer(
        "the session is there",
        ask("GET", "/sessions/talk?tenantId=acme"),
        ({ status }) => status === 200
      )
      assert.strictEqual((yield* ask("POST", "/sessions/talk/turns?tenantId=acme", { message: "hello" })).status, 202)
      const done = yield* untilAnswer(
        "all have completed",
        ask("GET", "/tasks?tenantId=acme&sessionId=talk&limit=100"),
        ({ body }) => body.items.every(({ phase }: { phase: string }) => phase === "completed"),
        patience
      )
      assert.strictEqual(done.body.items.length, tasks.length)
      const where = new Set(done.body.items.map(({ instanceId }: { instanceId: string }) => instanceId))
      const talk = yield* untilAnswer(
        "the turn has completed",
        ask("GET", "/sessions/talk?tenantId=acme"),
        ({ body }) => body.turnsCompleted === 1,
        patience
      )
      assert.deepStrictEqual([...where], [talk.body.instanceId])
      const spans = done.body.items
        .map(({ endedAt, startedAt }: { startedAt: number; endedAt: number }) => ({ startedAt, endedAt }))
        .toSorted((one: { startedAt: number }, other: { startedAt: number }) => one.startedAt - other.startedAt)
      for (const [n, { startedAt }] of spans.entries()) {
        if (n > 0) assert.isAtLeast(startedAt, spans[n - 1].endedAt)
      }
      const { executions } = yield* SimulatedFleet
      for (const run of executions.all()) assert.strictEqual(run.executions, 1, run.runKey)
      const other = yield* ask("POST", "/sessions", { sessionId: "other", tenantId: "globex" })
      assert.deepStrictEqual([other.status, other.body.layer], [429, "deployment"])
    }).pipe(Effect.provide(layer)),
  180_000
)
