import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { SessionUse } from "../../../src/ports/SessionUse.ts"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import * as PgSessionUse from "../../../src/shards/reads/PgSessionUse.ts"
import * as PgInstanceReads from "../../../src/shards/reads/PgInstanceReads.ts"
import { layer as postgres } from "../../fixtures/servers/Postgres.ts"

layer(postgres, { timeout: 120_000, excludeTestServices: true })("what a gateway keeps of a conversation", (it) => {
  it.effect(
    "is wanted until its task has ended for good, or its session was closed nearly as long ago as history is kept",
    () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const now = yield* Clock.currentTimeMillis
        const task = (id: string, phase: string) =>
          sql.unsafe(
            `INSERT INTO clawster_tasks (tenant_id, task_id, lane, phase, priority, rank, attempt, max_attempts, submitted_at, spec, updated_at)
           VALUES ('t', $1, 'l', $2, 'normal', 0, 1, 3, 0, '{}', 0)`,
            [id, phase]
          )
        const session = (id: string, phase: string, lastActivityAt: number) =>
          sql.unsafe(
            "INSERT INTO clawster_views (entity_type, entity_id, tenant_id, doc) VALUES ('Session', $1, 't', $2::json)",
            [`t/${id}`, JSON.stringify({ phase, lastActivityAt })]
          )
        for (const phase of ["completed", "failed", "cancelled", "running", "retrying", "dead_lettered"])
          yield* task(phase, phase)
        yield* session("open", "idle", 0)
        yield* session("closed-now", "closed", now)
        yield* session("closed-within", "closed", now - 30 * 86_400_000)
        yield* session("closed-long", "closed", now - 90 * 86_400_000)
        yield* session("closed-soon-forgotten", "closed", now - 60 * 86_400_000 + 1_800_000)
        yield* task("both", "completed")
        yield* session("both", "idle", 0)
        const ids = [
          "completed",
          "failed",
          "cancelled",
          "running",
          "retrying",
          "dead_lettered",
          "open",
          "closed-now",
          "closed-within",
          "closed-long",
          "closed-soon-forgotten",
          "both",
          "no"
        ]
        const uses = yield* (yield* SessionUse).of(ids.map((id) => ({ tenantId: "t", id })))
        assert.deepStrictEqual(Object.fromEntries(ids.map((id, at) => [id, uses[at]])), {
          completed: "ended",
          failed: "ended",
          cancelled: "ended",
          running: "wanted",
          retrying: "wanted",
          dead_lettered: "wanted",
          open: "wanted",
          "closed-now": "wanted",
          "closed-within": "wanted",
          "closed-long": "ended",
          "closed-soon-forgotten": "ended",
          both: "wanted",
          no: "unknown"
        })
      }).pipe(Effect.provide(PgSessionUse.layer(Duration.days(60))))
  )

  it.effect("belongs to a cluster that has the same name each time it is asked", () =>
    Effect.gen(function* () {
      const { cluster } = yield* InstanceReads
      assert.match(yield* cluster, /^\d{20}$/)
      assert.strictEqual(yield* cluster, yield* cluster)
    }).pipe(Effect.provide(PgInstanceReads.layer))
  )
})
