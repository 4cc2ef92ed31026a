import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type TaskListOptions, TaskReads } from "../../../src/ports/Reads.ts"
import { InstanceId, LaneName, SessionId, TaskId, TenantId, WorkspaceId } from "../../../src/schema/Ids.ts"
import { fromPlaceToken } from "../../../src/schema/lists/TaskFilter.ts"
import type { TaskPhase, TaskStatus } from "../../../src/schema/Task.ts"
import { byIdStatement } from "../../../src/shards/reads/tasks/PgTasks.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import { build, rowsAWindow } from "../../../src/shards/reads/tasks/TaskListStatement.ts"
import { rowsLookedAt, scansOf } from "../../fixtures/store/QueryPlan.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const rows = 200_000
const acme = TenantId.make("acme")
const quiet = TenantId.make("quiet")

/** Task n of a busy tenant is submitted at n and has ended at n + 5; a few are otherwise. */
const history = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* sql.unsafe(
    `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at, started_at,
       ended_at, instance_id, spec, result, error, error_code, session_id, workspace_id, updated_at)
     SELECT 'acme', 't' || lpad(n::text, 7, '0'), CASE WHEN n % 40000 = 7 THEN 'side' ELSE 'main' END, phase, 'normal', n, 1, 3, n, n + 1,
       CASE WHEN phase IN ('pending', 'running', 'retrying') THEN NULL ELSE n + 5 END,
       CASE WHEN phase = 'pending' THEN NULL WHEN n % 50000 = 3 THEN 'rare' ELSE 'i' || n % 10 END,
       json_build_object('workspaceId', 'w1'),
       CASE WHEN phase = 'completed' THEN json_build_object('text', repeat('x', n % 7), 'durationMillis', 4) END,
       CASE WHEN phase IN ('failed', 'retrying') THEN json_build_object('code', 'Broke', 'message', 'it broke', 'retryable', true) END,
       CASE WHEN phase IN ('failed', 'retrying') THEN 'Broke' END,
       CASE WHEN n % 60000 = 11 THEN 's1' END, CASE WHEN n % 60000 = 12 THEN 'w1' END, n
     FROM (
       SELECT n, CASE WHEN n % 50000 = 1 THEN 'failed' WHEN n % 50000 = 2 THEN 'retrying' WHEN n % 50000 = 4 THEN 'running'
         WHEN n > ${rows - 30000} THEN 'pending' ELSE 'completed' END AS phase
       FROM generate_series(1, ${rows}) AS n
     ) AS made`
  )
  yield* sql.unsafe(
    `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at, ended_at, spec, updated_at)
     SELECT 'quiet', 'q' || n, 'main', 'completed', 'normal', 0, 1, 3, n * 1000, n * 1000 + 5, '{}'::json, 0 FROM generate_series(1, 5) AS n`
  )
  yield* sql.unsafe("VACUUM (ANALYZE) clawster_tasks")
})

/** Rows of the table that were looked at, and by which indexes. */
const explain = Effect.fnUntraced(function* (text: string, params: ReadonlyArray<unknown>) {
  const scans = yield* scansOf(text, params)
  return {
    indexes: [...new Set(scans.filter((node) => node["Actual Loops"] > 0).map((node) => node["Index Name"]))],
    looked: rowsLookedAt(scans)
  }
})

const everyPage = Effect.fnUntraced(function* (options: Omit<TaskListOptions, "after">) {
  const { list } = yield* TaskReads
  const items: Array<TaskStatus> = []
  let after: string | undefined
  let pages = 0
  do {
    const page = yield* list({ ...options, after: after === undefined ? undefined : fromPlaceToken(after) })
    items.push(...page.items)
    after = page.next
    assert.isBelow(++pages, 300)
  } while (after !== undefined)
  return { items, pages }
})

const failing: ReadonlyArray<TaskPhase> = ["failed", "dead_lettered"]

const cases: ReadonlyArray<
  readonly [what: string, options: Omit<TaskListOptions, "after">, count: number, looked: number]
> = [
  ["the newest of all tenants", { limit: 100 }, rows + 5, 500],
  ["the oldest of all tenants", { limit: 100, order: "oldest" }, rows + 5, 500],
  ["those of a quiet tenant", { limit: 100, tenantId: quiet }, 5, 50],
  ["what failed, of all tenants", { limit: 100, phases: failing }, 4, 50],
  ["what failed, of a tenant", { limit: 100, phases: failing, tenantId: acme }, 4, 50],
  ["what is running, oldest first", { limit: 100, phases: ["running"], order: "oldest" }, 4, 50],
  ["what is to be retried", { limit: 100, phases: ["retrying"], tenantId: acme }, 4, 50],
  [
    "the lane that few tasks are in",
    { limit: 100, tenantId: acme, lane: LaneName.make("side") },
    5,
    4 * rowsAWindow + 100
  ],
  ["one instance's", { limit: 100, instanceId: InstanceId.make("rare") }, 4, 50],
  ["one error's", { limit: 100, errorCode: "Broke", tenantId: acme }, 8, 50],
  ["one error's on one instance", { limit: 100, errorCode: "Broke", instanceId: InstanceId.make("i1") }, 4, 50],
  ["one session's", { limit: 100, sessionId: SessionId.make("s1") }, 4, 50],
  ["one workspace's", { limit: 100, workspaceId: WorkspaceId.make("w1"), tenantId: acme }, 4, 50],
  ["those of a stretch of time", { limit: 100, submittedFrom: 1_000, submittedTo: 1_010 }, 11, 100],
  ["those that ended in a stretch of time", { limit: 100, endedFrom: 1_000, endedTo: 1_010 }, 11, 100],
  ["what failed in a stretch of time", { limit: 100, endedFrom: 50_000, endedTo: 50_010, phases: failing }, 1, 100]
]

it.layer(PgTasks.layer.pipe(Layer.provideMerge(Postgres.layer)), { timeout: 240_000, excludeTestServices: true })(
  "lists of tasks",
  (it) => {
    it.effect(`read few of ${rows} rows, whatever is asked, and no page is left out`, () =>
      Effect.gen(function* () {
        yield* history
        for (const [what, options, count, most] of cases) {
          const { params, text } = build(options)
          const { indexes, looked } = yield* explain(text, params)
          assert.notInclude(indexes, undefined, `${what}: a scan of the whole table`)
          assert.isAtMost(looked, most, `${what}, by ${indexes.join(", ")}`)
          if (count > 1_000) continue
          const { items } = yield* everyPage(options)
          assert.strictEqual(new Set(items.map(({ taskId, tenantId }) => `${tenantId}/${taskId}`)).size, count, what)
          assert.strictEqual(items.length, count, `${what}: none twice`)
        }
      })
    )

    it.effect("are in their order over every page, also where what is asked for is seldom and far between", () =>
      Effect.gen(function* () {
        for (const order of ["newest", "oldest"] as const) {
          const { items, pages } = yield* everyPage({ limit: 2, tenantId: acme, lane: LaneName.make("side"), order })
          const times = items.map(({ submittedAt }) => submittedAt)
          assert.deepStrictEqual(
            times,
            times.toSorted((left, right) => (order === "newest" ? right - left : left - right))
          )
          assert.strictEqual(times.length, 5)
          assert.isAtMost(pages, 40)
        }
        const { items } = yield* everyPage({ limit: 3, phases: ["failed", "retrying", "running"], tenantId: acme })
        const times = items.map(({ submittedAt }) => submittedAt)
        assert.deepStrictEqual(
          times,
          times.toSorted((left, right) => right - left)
        )
        assert.strictEqual(times.length, 12)
      })
    )

    it.effect("agree with a plain reading of the table, for filters of all kinds together", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const phases: ReadonlyArray<TaskPhase> = ["completed", "pending", "failed"]
        const span = { submittedFrom: 150_000, submittedTo: 200_001 }
        const { items } = yield* everyPage({ limit: 1_000, phases, instanceId: InstanceId.make("i3"), ...span })
        const plain = yield* sql.unsafe<{ id: string }>(
          `SELECT task_id AS id FROM clawster_tasks WHERE instance_id = 'i3' AND phase IN ('completed', 'pending', 'failed')
             AND submitted_at >= 150000 AND submitted_at < 200001 ORDER BY submitted_at DESC`
        )
        assert.deepStrictEqual(
          items.map(({ taskId }) => taskId as string),
          plain.map(({ id }) => id)
        )
      })
    )

    it.effect("find a task by its id alone by going from tenant to tenant", () =>
      Effect.gen(function* () {
        const { get } = yield* TaskReads
        assert.strictEqual((yield* get(undefined, TaskId.make("q3")))?.tenantId, quiet)
        assert.isUndefined(yield* get(undefined, TaskId.make("nobody")))
        const { indexes, looked } = yield* explain(byIdStatement, ["q3"])
        assert.deepStrictEqual(indexes, ["clawster_tasks_pkey"])
        assert.isBelow(looked, 20)
      })
    )

    it.effect("show a long result by its beginning, and a task whose result no schema takes without it", () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const { get, list } = yield* TaskReads
        const text = `${'line \\ "quoted" ü\n'.repeat(20_000)}end`
        const insert = (id: string, result: string) =>
          sql.unsafe(
            `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at, ended_at,
               spec, result, updated_at)
             VALUES ('prose', $1::text, 'main', 'completed', 'normal', 0, 1, 3, 1, 2, '{}'::json, $2::text::json, 0)`,
            [id, result]
          )
        yield* insert("long", JSON.stringify({ text, durationMillis: 77, usage: { totalTokens: 3 } }))
        yield* insert("nul", `{"text":"a\\u0000b","durationMillis":1}`)
        yield* insert("odd", `{"text":17,"durationMillis":"long"}`)
        const { items, next } = yield* list({ tenantId: TenantId.make("prose"), limit: 10 })
        assert.isUndefined(next)
        assert.deepStrictEqual(items.map(({ taskId }) => taskId as string).toSorted(), ["long", "nul", "odd"])
        assert.isUndefined(items.find(({ taskId }) => taskId === "odd")!.result)
        const long = items.find(({ taskId }) => taskId === "long")!
        assert.deepStrictEqual([long.isPreview, long.result?.durationMillis], [true, 77])
        assert.strictEqual(long.result?.text, text.slice(0, long.result?.text.length))
        assert.isAtMost(long.result!.text.length, 240)
        const whole = yield* get(TenantId.make("prose"), TaskId.make("long"))
        assert.deepStrictEqual([whole?.result?.text, whole?.isPreview], [text, undefined])
      })
    )
  }
)
