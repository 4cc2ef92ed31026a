import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TaskRows } from "../../../src/ports/TaskRows.ts"
import { bounds } from "../../../src/schema/text/Bounds.ts"
import { LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import { textLength } from "../../../src/schema/Task.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import { taskSpec } from "../../entities/Lane/LaneWorld.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const tenantId = TenantId.make("acme")
const lane = LaneName.make("main")
const phases = ["pending", "scheduled", "dead_lettered"]
const each = 48
/** Where half of a surrogate pair is named in a text, PostgreSQL does not take the document apart. */
const long = String.raw`\ud83d is half of a pair. `.repeat(bounds.message / 24).slice(0, bounds.message)

const insert = Effect.fnUntraced(function* (phase: string, n: number) {
  const sql = yield* PgClient.PgClient
  const id = `${phase}-${String(n).padStart(3, "0")}`
  const spec = { ...taskSpec(id), tenantId, lane, payload: { message: n % 2 === 0 ? long : "short" } }
  yield* sql.unsafe(
    `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, not_before, submitted_at, ended_at, spec, updated_at)
     VALUES ('acme', $1::text, 'main', $2::text, 'normal', $3::float8, 1, 3, $3::bigint, 1, $3::bigint, $4::text::json, 1)`,
    [id, phase, n, JSON.stringify(spec)]
  )
})

/** The characters of the largest answer of the store since it was last asked for. */
const watched = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  let largest = 0
  const unsafe = (statement: string, params?: ReadonlyArray<unknown>) =>
    Effect.tap(sql.unsafe(statement, params), (rows) =>
      Effect.sync(() => (largest = Math.max(largest, JSON.stringify(rows).length)))
    )
  const take = (): number => {
    const taken = largest
    largest = 0
    return taken
  }
  const client = new Proxy(sql, { get: (target, name) => (name === "unsafe" ? unsafe : Reflect.get(target, name)) })
  const rows = Effect.provide(TaskRows, PgTasks.layer.pipe(Layer.provide(Layer.succeed(PgClient.PgClient, client))))
  return { rows: yield* rows, take }
})

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })(
  "a page of tasks whose texts are as long as may be",
  (it) => {
    it.effect("comes in answers of which none is much larger than one task, and leaves out no task", () =>
      Effect.gen(function* () {
        for (const phase of phases) for (let n = 0; n < each; n++) yield* insert(phase, n)
        const { rows, take } = yield* watched
        const most = 2 * bounds.message
        const ids = (phase: string) => Array.from({ length: each }, (_, n) => `${phase}-${String(n).padStart(3, "0")}`)

        const pending = yield* rows.pending({ tenantId, lane }, undefined, 256)
        assert.deepStrictEqual(
          pending.entries.map(({ task }) => String(task.taskId)),
          ids("pending")
        )
        assert.isTrue(pending.isEnd)
        assert.isAtMost(take(), most)
        assert.isTrue(pending.entries.every(({ task }) => textLength(task.payload) <= 5))
        assert.strictEqual(pending.entries[1]!.task.payload.message, "short")

        const scheduled = yield* rows.scheduled({ tenantId, lane }, undefined, 256)
        assert.deepStrictEqual(
          scheduled.entries.map(({ task }) => String(task.taskId)),
          ids("scheduled")
        )
        assert.isAtMost(take(), most)

        const dead = yield* rows.deadLettered({ tenantId, lane }, undefined, 256)
        assert.deepStrictEqual(
          dead.entries.map(({ taskId }) => String(taskId)),
          ids("dead_lettered")
        )
        assert.isTrue(dead.entries.every(({ budget }) => budget === taskSpec("x").retry.maxAttempts))
        assert.isAtMost(take(), most)

        const asked = ids("pending").map((id) => TaskId.make(id))
        const found = yield* rows.get({ tenantId, lane }, asked)
        assert.sameMembers(
          found.map(({ task }) => String(task.taskId)),
          ids("pending")
        )
        assert.isAtMost(take(), most)
      })
    )
  }
)
