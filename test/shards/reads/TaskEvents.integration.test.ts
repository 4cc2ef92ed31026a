import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TaskReads } from "../../../src/ports/Reads.ts"
import * as PgTaskEvents from "../../../src/shards/reads/tasks/PgTaskEvents.ts"
import * as PgTasks from "../../../src/shards/reads/tasks/PgTasks.ts"
import type { Cursor } from "../../../src/schema/feed/Feed.ts"
import { InstanceId, LaneName, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import type { TaskStatus } from "../../../src/schema/Task.ts"
import { rowsLookedAt, scansOf } from "../../fixtures/store/QueryPlan.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const transactions = 400
const rowsEach = 500
/** A transaction of other work each second. */
const second = 1_000
const submittedAt = 200 * second
const endedAt = 202 * second

const task: TaskStatus = {
  taskId: TaskId.make("mine"),
  tenantId: TenantId.make("acme"),
  lane: LaneName.make("main"),
  phase: "completed",
  priority: "normal",
  attempt: 1,
  maxAttempts: 1,
  instanceId: InstanceId.make("i1"),
  submittedAt,
  endedAt
}

const started = { instanceId: "i1", placement: "default" }
const said = [
  { at: submittedAt, type: "task.submitted", actor: "Lane" },
  { at: submittedAt, type: "task.started", actor: "Lane", more: started },
  { at: submittedAt + 500, type: "run.accepted", actor: "Instance" },
  { at: endedAt - 500, type: "task.progress", actor: "Instance" },
  { at: endedAt, type: "task.completed", actor: "Lane" },
  { at: endedAt + 3 * second, type: "run.ended", actor: "Instance" }
]
const ids: Record<string, string> = { Lane: "acme/main", Instance: "default/i1" }

/** Between `rowsEach` entries of others in each second. */
const sayAt = (sql: PgClient.PgClient, at: number) =>
  Effect.forEach(
    said.flatMap((one, index) => (one.at >= at && one.at < at + second ? [{ ...one, index }] : [])),
    ({ actor, at: saidAt, index, more, type }) =>
      sql.unsafe(
        `INSERT INTO clawster_journal (entity_type, entity_id, seq, shard_id, epoch, command, events, at)
         VALUES ($1::text, $5::text, $2::bigint, 'default:1', 1, 'Do', $3::text::json, $4::bigint)`,
        [
          actor,
          (at / second) * 10 * rowsEach + 5 * rowsEach + index,
          JSON.stringify([{ _tag: type, tenantId: "acme", taskId: "mine", at: saidAt, ...more }]),
          saidAt,
          ids[actor]
        ]
      ),
    { discard: true }
  )

/** What others did in one second, in one transaction. */
const others = (sql: PgClient.PgClient, at: number) =>
  sql.unsafe(
    `INSERT INTO clawster_journal (entity_type, entity_id, seq, shard_id, epoch, command, events, at)
     SELECT 'Lane', CASE n % 10 WHEN 0 THEN 'acme/main' ELSE 'acme/' || n % 10 END, $1::bigint / ${second} * ${10 * rowsEach} + n, 'default:1', 1, 'Do',
       json_build_array(json_build_object('_tag', 'task.submitted', 'tenantId', 'acme', 'taskId', 't' || n)), $1::bigint
     FROM generate_series(1, ${rowsEach}) AS n`,
    [at]
  )

const history = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  for (let at = 0; at < transactions * second; at += second) {
    yield* others(sql, at)
    yield* sayAt(sql, at)
  }
  yield* sql.unsafe("VACUUM (ANALYZE) clawster_journal")
})

/** How the journal was read, and how many of its rows were. */
const explain = Effect.fnUntraced(function* (statement: string, params: ReadonlyArray<unknown>) {
  const scans = yield* scansOf(statement, params)
  return { indexes: [...new Set(scans.map((node) => node["Index Name"]))], looked: rowsLookedAt(scans) }
})

const actor = (type: "Lane" | "Instance", high = transactions * 10 * rowsEach): PgTaskEvents.ActorRows => ({
  type,
  id: ids[type]!,
  low: 1,
  high
})

const seek = Effect.fnUntraced(function* (at: number) {
  const sql = yield* PgClient.PgClient
  const [found] = yield* sql.unsafe<{ seq: number }>(PgTaskEvents.timeStatement, [JSON.stringify([actor("Lane")]), at])
  return found!.seq
})

const layer = PgTasks.layer.pipe(Layer.provideMerge(Postgres.layer))

it.layer(layer, { timeout: 180_000, excludeTestServices: true })("the events of one task", (it) => {
  it.effect(
    `are found among ${transactions * rowsEach} other entries, whole and in order, by a look at the time it lived in`,
    () =>
      Effect.gen(function* () {
        yield* history
        const reads = yield* TaskReads
        const page = yield* reads.events(task, { limit: 100 })
        assert.deepStrictEqual(
          page.items.map(({ type }) => type),
          said.map(({ type }) => type)
        )
        assert.isUndefined(page.next)

        const time = yield* explain(PgTaskEvents.timeStatement, [JSON.stringify([actor("Lane")]), submittedAt])
        assert.deepStrictEqual(time.indexes, ["clawster_journal_pkey"])
        assert.isBelow(time.looked, 100)
        const lane = { ...actor("Lane"), low: yield* seek(submittedAt), high: yield* seek(endedAt + second) }
        const rows = yield* explain(PgTaskEvents.taskSource.whole, [
          100,
          "0",
          "0",
          JSON.stringify([lane, actor("Instance")]),
          `"taskId":"mine"`,
          null,
          null
        ])
        assert.include(rows.indexes, "clawster_journal_pkey")
        assert.isAtMost(rows.looked, rowsEach)
      })
  )

  it.effect("go on from page to page without gap or repeat", () =>
    Effect.gen(function* () {
      const reads = yield* TaskReads
      const found: Array<string> = []
      let after: Cursor | undefined
      for (let pages = 0; pages <= said.length; pages++) {
        const page = yield* reads.events(task, { after, limit: 2 })
        found.push(...page.items.map(({ type }) => type))
        if (page.next === undefined) break
        after = page.next as Cursor
      }
      assert.deepStrictEqual(
        found,
        said.map(({ type }) => type)
      )
    })
  )

  it.effect("of a task that has not ended are read up to now", () =>
    Effect.gen(function* () {
      const { endedAt: _, ...running } = task
      let page = yield* (yield* TaskReads).events(running, { limit: 100 })
      const items = [...page.items]
      while (page.next !== undefined) {
        page = yield* (yield* TaskReads).events(running, { after: page.next as Cursor, limit: 100 })
        items.push(...page.items)
      }
      assert.deepStrictEqual(
        items.map(({ type }) => type),
        said.map(({ type }) => type)
      )
    })
  )
})
