/**
 * The main promise on real parts: three runner processes, real OpenClaw gateways, PostgreSQL, and a model that counts
 * what reached it.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { TaskReads } from "../../src/ports/Reads.ts"
import { laneEntityId, LaneName, TaskId, TenantId } from "../../src/schema/Ids.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../src/schema/Task.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import { allEnded, outcomes } from "../../src/testing/checks/Outcomes.ts"
import { ownership } from "../../src/testing/checks/Ownership.ts"
import * as PgHistory from "../fixtures/store/PgHistory.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as RealCluster from "../fixtures/servers/RealCluster.ts"
import { until } from "../fixtures/Until.ts"

const tenantId = TenantId.make("acme")
const lane = LaneName.make("default")
const layer = Layer.mergeAll(Cluster.layerClient(), PgTasks.layer).pipe(Layer.provideMerge(Postgres.layer))

const taskOf = (name: string, message: string): TaskSpec => ({
  taskId: TaskId.make(name),
  tenantId,
  lane,
  payload: { message: `${message} [[id ${name}]]` },
  priority: "normal",
  hints: {},
  retry: defaultRetryPolicy,
  timeoutMillis: 120_000
})

const phases = Effect.flatMap(TaskReads, (reads) => reads.counts(tenantId))

/** The runner process whose port owns the actor's shard. */
const ownerOf = (entityType: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ owner: string }>(
      `SELECT s.owner FROM clawster_journal j JOIN clawster_shards s USING (shard_id)
       WHERE j.entity_type = $1::text GROUP BY s.owner ORDER BY count(DISTINCT j.entity_id) DESC LIMIT 1`,
      [entityType]
    )
  ).pipe(Effect.map((rows) => rows[0]!.owner))

const checkHistory = Effect.map(PgHistory.read, (history) =>
  assert.deepStrictEqual(
    [ownership, allEnded, outcomes].flatMap((check) => check(history)),
    []
  )
)

describe("real gateways", () => {
  it.live("20 running turns survive the death of the runner that watches them, each sent to the model once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { model, runners } = yield* RealCluster.start({ runners: 3 })
        yield* RealCluster.gateways(["one", "two"], 10)
        const lanes = yield* ActorClient.make(Lane)
        const names = Array.from({ length: 20 }, (_, n) => `turn-${n}`)
        yield* lanes(laneEntityId(tenantId, lane)).Submit({
          tasks: names.map((name) => taskOf(name, "take your time [[delay 8000]]")) as never
        })
        yield* until(
          "every turn reached the model",
          Effect.map(model.stats, ({ byId }) => names.every((name) => byId[name] === 1)),
          "90 seconds"
        )
        const owner = yield* ownerOf("Instance")
        const victim = runners.find(({ address }) => address === owner)
        assert.isDefined(victim, `${owner} is one of the runners`)
        yield* victim!.signal("SIGKILL")
        yield* until(
          "every task ended",
          Effect.map(phases, (counts) => (counts.running ?? 0) + (counts.pending ?? 0) + (counts.retrying ?? 0) === 0),
          "120 seconds"
        )
        assert.deepStrictEqual(yield* phases, { completed: names.length })
        const { byId, resumedById } = yield* model.stats
        assert.deepStrictEqual(byId, Object.fromEntries(names.map((name) => [name, 1])))
        assert.deepStrictEqual(resumedById, {})
        yield* checkHistory
      })
    ).pipe(Effect.provide(layer))
  )

  it.live("a gateway killed in mid-turn is restarted, and its task ends once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { home, model } = yield* RealCluster.start({ runners: 1 })
        const gateway = (yield* RealCluster.gateways(["one"], 4))("one")
        const lanes = yield* ActorClient.make(Lane)
        yield* lanes(laneEntityId(tenantId, lane)).Submit({
          tasks: [taskOf("cut", "take your time [[delay 6000]]")] as never
        })
        yield* until(
          "the turn reached the model",
          Effect.map(model.stats, ({ byId }) => byId["cut"] === 1),
          "60 seconds"
        )
        process.kill(gatewayPid(home, "one"), "SIGKILL")
        yield* until(
          "it is seen to be gone",
          Effect.map(gateway.InstanceGet(), ({ health }) => health === "unhealthy")
        )
        yield* until(
          "it is back",
          Effect.map(gateway.InstanceGet(), ({ phase, restarts }) => phase === "warm" && restarts === 1),
          "120 seconds"
        )
        yield* until(
          "the task ended",
          Effect.map(phases, (counts) => counts.completed === 1),
          "120 seconds"
        )
        const { byId } = yield* model.stats
        assert.strictEqual(byId["cut"], 1, "the interrupted turn was resumed by its gateway, not sent again")
        yield* checkHistory
      })
    ).pipe(Effect.provide(layer))
  )
})

/** As the process driver noted it, in the folder of the instance's registration. */
const gatewayPid = (home: string, name: string): number => {
  const instances = join(home, "gateways", "instances")
  const folder = readdirSync(instances).find((entry) => entry.startsWith(`${name}@`))!
  return JSON.parse(readFileSync(join(instances, folder, "run", "process.json"), "utf8")).gateway.pid
}
