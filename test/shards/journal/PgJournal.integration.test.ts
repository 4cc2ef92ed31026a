import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type Commit, type Entry, Journal } from "../../../src/actor/Journal.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import { conformance } from "../../conformance/Journal.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const layer = PgJournal.layer.pipe(Layer.provideMerge(Postgres.layer))

conformance({
  name: "PostgreSQL",
  layer,
  grant: (shardId) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ epoch: number }>(
        `INSERT INTO clawster_shards (shard_id, owner, epoch, acquired_at) VALUES ($1::text, 'me', 1, now())
         ON CONFLICT (shard_id) DO UPDATE SET epoch = clawster_shards.epoch + 1 RETURNING epoch::float8 AS epoch`,
        [shardId]
      )
    ).pipe(Effect.map((rows) => rows[0]!.epoch)),
  withTable: ({ columns, key, name }) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const defined = Object.entries(columns).map(([column, kind]) => `${column} ${kind}`)
      yield* sql.unsafe(`CREATE TABLE clawster_${name} (${defined.join(", ")}, PRIMARY KEY (${key.join(", ")}))`)
      return sql.unsafe(`SELECT * FROM clawster_${name}`)
    }),
  viewOf: ({ entityId, entityType }) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ tenantId: string | null; doc: unknown }>(
        `SELECT tenant_id AS "tenantId", doc FROM clawster_views WHERE entity_type = $1::text AND entity_id = $2::text`,
        [entityType, entityId]
      )
    ).pipe(Effect.map(([row]) => row)),
  phaseOf: (taskId) =>
    Effect.flatMap(PgClient.PgClient, (sql) =>
      sql.unsafe<{ phase: string }>(`SELECT phase FROM clawster_tasks WHERE task_id = $1::text`, [taskId])
    ).pipe(Effect.map(([row]) => row?.phase))
})

describe("What a journal on PostgreSQL wakes", () => {
  it.live("is every actor with something under way, however many, each once", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const count = 20_001
      yield* sql.unsafe(
        `INSERT INTO clawster_wakes (entity_type, entity_id, shard_id, due_at, resident)
         SELECT 'Crowd', 'actor-' || n, 'default:1', n % 3, true FROM generate_series(1, ${count}) AS n`
      )
      yield* sql.unsafe(
        `INSERT INTO clawster_outbox (entity_type, entity_id, seq, ordinal, shard_id, target_type, target_id, tag, payload)
         VALUES ('Crowd', 'actor-7', 1, 0, 'default:1', 'Crowd', 'other', 'Tell', '{}')`
      )
      const found = yield* (yield* Journal).wakes(["default:1"], 1_000)
      assert.strictEqual(found.length, count)
      assert.strictEqual(new Set(found.map(({ address }) => address.entityId)).size, count)
      assert.isTrue(found.every(({ dueAt }) => dueAt === 0))
    }).pipe(Effect.provide(layer))
  )
})

it.layer(layer, { timeout: 120_000, excludeTestServices: true })("A journal on PostgreSQL", (it) => {
  const noise = (length: number) =>
    Array.from({ length }, (_, n) => String.fromCharCode(0x4e00 + ((n * 7_919 + n * n * 31) % 20_000))).join("")
  const commitOf = (entityId: string, more: Partial<Entry> = {}): Commit => ({
    address: { entityType: "Bounds", entityId, shardId: "bounds:1" },
    epoch: 1,
    entries: [{ seq: 1, requestId: null, command: "Do", payloadHash: null, events: [], answer: null, at: 1, ...more }],
    outbox: [],
    rows: []
  })

  it.effect.each([
    ["a character that no column holds", { command: "a\u0000b" }],
    ["a key that no index holds", { requestId: noise(9_000) }],
    ["a number that no column holds", { at: 1e30 }],
    ["a value that is no JSON", { events: [{ n: 1n }] }],
    ["nothing where something must be", { command: null as unknown as string }]
  ] as const)("refuses %s, and drops none of the five hundred that are written with it", ([, bad]) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const journal = yield* Journal
      yield* sql.unsafe(
        `INSERT INTO clawster_shards (shard_id, owner, epoch, acquired_at) VALUES ('bounds:1', 'me', 1, now()) ON CONFLICT DO NOTHING`
      )
      const round = Math.random().toString(36)
      const commits = Array.from({ length: 500 }, (_, n) => commitOf(`${round}-${n}`, n === 333 ? bad : {}))
      const outcomes = yield* Effect.all(
        commits.map((one) =>
          Effect.match(journal.append(one), { onSuccess: () => "written", onFailure: ({ reason }) => reason })
        ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        outcomes.flatMap((outcome, n) => (outcome === "written" ? [] : [[n, outcome]])),
        [[333, "Refused"]]
      )
    })
  )
})
