import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TaskRows } from "../../../src/ports/TaskRows.ts"
import { TaskId } from "../../../src/schema/Ids.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import { lane, taskSpec, tenantId } from "../../entities/Lane/LaneWorld.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const insert = Effect.fnUntraced(function* (id: string, phase: string, rank: number, tried: string | null) {
  const sql = yield* PgClient.PgClient
  yield* sql.unsafe(
    `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, not_before, submitted_at, spec, updated_at, tried)
     VALUES ('acme', $1::text, 'main', $2::text, 'normal', $3::float8, 1, 3, $3::bigint, 1, $4::text::json, 1, $5::text::json)`,
    [id, phase, rank, JSON.stringify(taskSpec(id)), tried]
  )
})

it.layer(PgTasks.layer.pipe(Layer.provideMerge(Postgres.layer)), { timeout: 120_000, excludeTestServices: true })(
  "the row of a task that waits",
  (it) => {
    it.effect("says where the task was tried, and stays readable where it says that in a way that nobody knows", () =>
      Effect.gen(function* () {
        const tried = { instances: ["i1", "i2"], backup: "i3" }
        const of = { tenantId, lane }
        yield* insert("both", "pending", 1, JSON.stringify(tried))
        yield* insert("none", "pending", 2, null)
        yield* insert("other", "pending", 3, `{"instances": 5}`)
        yield* insert("later", "retrying", 4, JSON.stringify(tried))
        const rows = yield* TaskRows
        const pending = yield* rows.pending(of, undefined, 10)
        assert.deepStrictEqual(
          pending.entries.map((entry) => [String(entry.task.taskId), entry.tried]),
          [
            ["both", tried],
            ["none", undefined],
            ["other", undefined]
          ] as Array<[string, any]>
        )
        const scheduled = yield* rows.scheduled(of, undefined, 10)
        assert.deepStrictEqual(scheduled.entries[0]?.tried, tried as any)
        const [found] = yield* rows.get(of, [TaskId.make("later")])
        assert.deepStrictEqual(found?.tried, tried as any)
      })
    )
  }
)
