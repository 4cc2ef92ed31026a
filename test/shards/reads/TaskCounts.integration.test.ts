import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TaskReads } from "../../../src/ports/Reads.ts"
import { TenantId } from "../../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../../src/schema/Lane.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const viewOf = (tenantId: string, lane: string, counts: Record<string, number>) => ({
  tenantId,
  lane,
  config: defaultLaneConfig,
  state: "open",
  pending: 0,
  scheduled: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  deadLettered: 0,
  ...counts
})

const addLane = Effect.fnUntraced(function* (tenantId: string, lane: string, counts: Record<string, number>) {
  const sql = yield* PgClient.PgClient
  yield* sql.unsafe(
    `INSERT INTO clawster_views (entity_type, entity_id, tenant_id, doc) VALUES ('Lane', $1::text, $2::text, $3::text::json)`,
    [`${tenantId}/${lane}`, tenantId, JSON.stringify(viewOf(tenantId, lane, counts))]
  )
})

const addTasks = Effect.fnUntraced(function* (tenantId: string, phase: string, count: number) {
  const sql = yield* PgClient.PgClient
  yield* sql.unsafe(
    `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at, spec, updated_at)
     SELECT $1::text, $2::text || n, 'main', $2::text, 'normal', 0, 1, 3, 0, '{}'::json, 0 FROM generate_series(1, $3::int) AS n`,
    [tenantId, phase, count]
  )
})

it.layer(PgTasks.layer.pipe(Layer.provideMerge(Postgres.layer)), { timeout: 120_000, excludeTestServices: true })(
  "counts of tasks",
  (it) => {
    it.effect("are the sums of what the lanes keep, of one tenant or of all, however many rows there are", () =>
      Effect.gen(function* () {
        const { counts } = yield* TaskReads
        assert.deepStrictEqual(yield* counts(undefined), {})
        yield* addLane("acme", "main", { pending: 3, running: 2, completed: 1_000_000, scheduled: 5, failed: 7 })
        yield* addLane("acme", "side", { pending: 1, deadLettered: 4, cancelled: 1 })
        yield* addLane("globex", "main", { pending: 10 })
        yield* addTasks("acme", "retrying", 2)
        yield* addTasks("globex", "completed", 50)
        const acme = {
          running: 2,
          completed: 1_000_000,
          failed: 7,
          cancelled: 1,
          dead_lettered: 4,
          retrying: 2,
          scheduled: 3
        }
        assert.deepStrictEqual(yield* counts(TenantId.make("acme")), { pending: 4, ...acme })
        assert.deepStrictEqual(yield* counts(TenantId.make("globex")), { pending: 10 })
        assert.deepStrictEqual(yield* counts(undefined), { pending: 14, ...acme })
      })
    )
  }
)
