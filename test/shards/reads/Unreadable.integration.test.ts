import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KeyStore } from "../../../src/auth/KeyStore.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import { Session } from "../../../src/entities/Session.ts"
import { Fleet } from "../../../src/ports/Fleet.ts"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import { TaskReads } from "../../../src/ports/Reads.ts"
import { ViewReads } from "../../../src/ports/ViewReads.ts"
import { TaskRows } from "../../../src/ports/TaskRows.ts"
import { LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import { LaneStatus } from "../../../src/schema/Lane.ts"
import { SessionStatus } from "../../../src/schema/Session.ts"
import * as PgKeyStores from "../../../src/shards/reads/PgKeyStores.ts"
import * as PgFleet from "../../../src/shards/reads/PgFleet.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import * as PgInstanceReads from "../../../src/shards/reads/PgInstanceReads.ts"
import * as PgViewReads from "../../../src/shards/reads/PgViewReads.ts"
import { taskSpec } from "../../entities/Lane/LaneWorld.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { until } from "../../fixtures/Until.ts"

const layer = Layer.mergeAll(
  PgTasks.layer,
  PgViewReads.layer,
  PgInstanceReads.layer,
  PgFleet.layer,
  PgKeyStores.layer
).pipe(Layer.provideMerge(Postgres.layer))

const tenantId = TenantId.make("acme")
const lane = LaneName.make("main")
const nul = String.raw`\u0000`
const half = String.raw`\ud800`
const spec = (taskId: string, message: string) =>
  JSON.stringify({ ...taskSpec(taskId), tenantId, lane, workspaceId: "w1" }).replace(
    '"message":"',
    `"message":"${message}`
  )

interface Row {
  readonly id: string
  readonly spec?: string
  readonly phase?: string
  readonly priority?: string
  readonly result?: string | null
  readonly because?: string
}

const insertTask = (
  { because, id, phase = "completed", priority = "normal", result = null, spec: json }: Row,
  n: number
) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(
      `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, not_before, submitted_at, ended_at, spec,
         result, because, updated_at)
       VALUES ('acme', $1::text, 'main', $2::text, $3::text, $4::float8, 1, 3, $5::bigint, $4::bigint, $6::bigint, $7::text::json, $8::text::json, $9::text, 1)`,
      [
        id,
        phase,
        priority,
        n,
        phase === "scheduled" ? n : null,
        ["completed", "dead_lettered"].includes(phase) ? n : null,
        json ?? spec(id, "hi "),
        result,
        because ?? null
      ]
    )
  )

const insertView = (type: string, id: string, doc: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(
      `INSERT INTO clawster_views (entity_type, entity_id, tenant_id, doc) VALUES ($1::text, $2::text, 'acme', $3::text::json)`,
      [type, id, doc]
    )
  )

const unreadable = ["5", "[]", "{}", `{"tenantId":"${nul}"}`, `{"pending":"many","lane":"${half}"}`, '{"pending":{}}']

const instance = (id: string) =>
  JSON.stringify({
    instanceId: id,
    driver: "simulated",
    placement: "default",
    tenancy: { _tag: "shared" },
    capabilities: [],
    allowedModels: [],
    maxConcurrentTasks: 4,
    maxConcurrentSessions: 4,
    phase: "warm",
    health: "healthy",
    occupancy: "warm",
    breaker: "closed",
    load: { runningTasks: 0, activeSessions: 0, queuedTasks: 0 },
    restarts: 0,
    registeredAt: 1
  })
const laneView = (name: string) =>
  JSON.stringify({
    tenantId,
    lane: name,
    config: { concurrency: 1, capacity: 1, backpressure: { _tag: "Block" }, ageingMillis: 0, paused: false },
    state: "open",
    pending: 2,
    scheduled: 0,
    running: 0,
    completed: 7,
    failed: 0,
    cancelled: 0,
    deadLettered: 0
  })
const session = (id: string) =>
  JSON.stringify({
    sessionId: id,
    tenantId,
    phase: "open",
    hints: {},
    queued: 0,
    turnsCompleted: 0,
    turns: [],
    createdAt: 1,
    lastActivityAt: 1
  })

it.layer(layer, { timeout: 120_000, excludeTestServices: true })("rows that cannot be read", (it) => {
  const ids = (tasks: ReadonlyArray<{ readonly taskId: string }>) => tasks.map(({ taskId }) => taskId)

  it.effect("are shown as far as they can be in a list of tasks, and take no page with them", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<Row> = [
        { id: "l1" },
        { id: "l2", spec: spec("l2", nul), result: `{"text":"${nul}${half}","durationMillis":1}` },
        { id: "l3", spec: "5", result: '{"says":"something new"}' },
        { id: "l4", phase: "paused_by_a_newer_version" },
        { id: "l5", result: '{"text":"fine","durationMillis":1}' }
      ]
      yield* Effect.forEach(rows, insertTask, { discard: true })
      const reads = yield* TaskReads
      const page = yield* reads.list({ tenantId, lane, limit: 100 })
      assert.deepStrictEqual(ids(page.items), ["l5", "l3", "l2", "l1"])
      const get = (id: string) => reads.get(tenantId, TaskId.make(id))
      assert.deepStrictEqual((yield* get("l2"))?.result, { text: "\u0000\ud800", durationMillis: 1 })
      assert.deepStrictEqual([(yield* get("l3"))?.phase, (yield* get("l3"))?.result], ["completed", undefined])
      assert.strictEqual((yield* get("l1"))?.workspaceId, "w1")
      assert.isUndefined(yield* get("l4"))
      assert.strictEqual((yield* reads.get(undefined, TaskId.make("l2")))?.phase, "completed")
    })
  )

  it.effect("are passed over in a lane's backlog, whose pages stay full", () =>
    Effect.gen(function* () {
      const rows = yield* TaskRows
      const states = ["pending", "scheduled", "dead_lettered"] as const
      for (const phase of states) {
        for (let n = 0; n < 30; n++) {
          const id = `${phase}-${String(n).padStart(2, "0")}`
          yield* insertTask({ id, phase, ...(n >= 3 && n < 20 ? { spec: '{"of":"another shape"}' } : {}) }, n)
        }
      }
      yield* insertTask({ id: "dead_lettered-30", phase: "dead_lettered", spec: spec("d", nul) }, 30)
      yield* insertTask({ id: "dead_lettered-31", phase: "dead_lettered", priority: "urgent" }, 31)
      const at = { tenantId, lane }
      const pending = yield* rows.pending(at, undefined, 5)
      assert.deepStrictEqual(
        pending.entries.map(({ rank }) => rank),
        [0, 1, 2, 20, 21]
      )
      const scheduled = yield* rows.scheduled(at, { notBefore: 2, taskId: "scheduled-02" }, 5)
      assert.deepStrictEqual(
        scheduled.entries.map(({ notBefore }) => notBefore),
        [20, 21, 22, 23, 24]
      )
      const dead = yield* rows.deadLettered(at, { endedAt: 27, taskId: "dead_lettered-27" }, 5)
      assert.deepStrictEqual(
        dead.entries.map(({ budget, endedAt }) => [endedAt, budget]),
        [28, 29, 30].map((n) => [n, taskSpec("x").retry.maxAttempts])
      )
      const found = yield* rows.get(
        at,
        ["pending-02", "pending-03", "pending-20"].map((id) => TaskId.make(id))
      )
      assert.strictEqual(found.length, 2)
    })
  )

  it.effect("take neither the lists of views nor the fleet's snapshot nor the counts with them", () =>
    Effect.gen(function* () {
      for (const [n, doc] of unreadable.entries()) {
        for (const type of ["Instance", "Session", "Lane"]) yield* insertView(type, `default/bad${n}`, doc)
      }
      yield* insertView("Instance", "default/good", instance("good"))
      yield* insertView("Lane", "acme/good", laneView("good"))
      yield* insertView("Session", "acme/good", session("good"))
      const views = yield* ViewReads
      assert.deepStrictEqual(
        (yield* (yield* InstanceReads).list({ limit: 100 })).items.map(({ instanceId }) => instanceId as string),
        ["good"]
      )
      assert.deepStrictEqual(
        (yield* views.list(Session, SessionStatus, { limit: 100 })).items.map(({ sessionId }) => sessionId as string),
        ["good"]
      )
      assert.deepStrictEqual(
        (yield* views.list(Lane, LaneStatus, { limit: 100, having: ["pending", "running"] })).items.map(
          (found) => found.lane as string
        ),
        ["good"]
      )
      const first = yield* views.list(Lane, LaneStatus, { limit: 1 })
      const second = yield* views.list(Lane, LaneStatus, { limit: 100, after: first.next })
      assert.isUndefined(second.next)
      const counts = yield* (yield* TaskReads).counts(undefined)
      assert.deepStrictEqual([counts.pending, counts.completed], [2, 7])
      const fleet = yield* Fleet
      yield* until(
        "the fleet is seen",
        Effect.map(fleet.snapshot, (all) => all.length > 0)
      )
      const snapshot = yield* fleet.snapshot
      assert.deepStrictEqual(
        snapshot.map(({ instanceId }) => instanceId as string),
        ["good"]
      )
    })
  )

  it.effect("let nobody in by a key, and are in no list of keys", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql.unsafe(
        `INSERT INTO clawster_keys (key_id, hash, name, role, tenant_id, created_at) VALUES
           ('goodkey01', 'h', 'good', 'operator', NULL, 1), ('badrole01', 'h', 'bad', 'emperor', NULL, 2), ('badtenant1', 'h', 'bad', 'tenant', '../x', 3)`
      )
      const keys = yield* KeyStore
      assert.deepStrictEqual(
        (yield* keys.list).map(({ keyId }) => keyId),
        ["goodkey01"]
      )
      assert.isUndefined(yield* keys.find("badrole01"))
      assert.isDefined(yield* keys.find("goodkey01"))
    })
  )
})
