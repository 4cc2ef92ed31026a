import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option, Result } from "effect"
import type { Envelope, Reply } from "effect/cluster"
import { messagesTable, repliesTable } from "../../../src/shards/messages/MessageRows.ts"
import { until } from "../../fixtures/Until.ts"
import { Storage } from "./conformance.ts"
import { ack, chunk, exit, interrupt, request, shardOf } from "./Envelopes.ts"
import * as Storages from "./Storages.ts"

const atOnce = 64
/** Two flushes may be under way, each with what came while the ones before were. */
const fewStatements = 4

const saveAll = (envelopes: ReadonlyArray<Envelope.Encoded>) =>
  Effect.flatMap(Storage, (storage) =>
    Effect.forEach(
      envelopes,
      (envelope) => Effect.result(storage.saveEnvelope({ envelope, primaryKey: null, deliverAt: null })),
      { concurrency: "unbounded" }
    )
  )

const replyAll = (replies: ReadonlyArray<Reply.Encoded>) =>
  Effect.flatMap(Storage, (storage) =>
    Effect.forEach(replies, (reply) => Effect.result(storage.saveReply(reply)), { concurrency: "unbounded" })
  )

const succeeded = (results: ReadonlyArray<Result.Result<unknown, unknown>>) => results.map(Result.isSuccess)
const requests = (count: number) => Array.from({ length: count }, () => request())

/** Rows and the transactions that wrote them. */
const written = (table: string, ids: ReadonlyArray<string>) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ rows: number; transactions: number }>(
      `SELECT count(*)::int AS rows, count(DISTINCT xmin::text)::int AS transactions FROM ${table}
       WHERE request_id::text = ANY (string_to_array($1::text, ','))`,
      [ids.join(",")]
    )
  ).pipe(Effect.map((rows) => rows[0]!))

it.layer(Storages.gathered, { timeout: 120_000, excludeTestServices: true })("Gathered saves", (it) => {
  it.effect("write what is saved at the same moment in few statements, and its replies too", () =>
    Effect.gen(function* () {
      const all = requests(atOnce)
      const ids = all.map(({ requestId }) => requestId)
      assert.deepStrictEqual(
        succeeded(yield* saveAll(all)),
        all.map(() => true)
      )
      const messages = yield* written(messagesTable, ids)
      assert.strictEqual(messages.rows, atOnce)
      assert.isAtMost(messages.transactions, fewStatements)

      assert.deepStrictEqual(
        succeeded(yield* replyAll(all.map((one) => exit(one)))),
        all.map(() => true)
      )
      for (const table of [messagesTable, repliesTable]) {
        const { rows, transactions } = yield* written(table, ids)
        assert.strictEqual(rows, atOnce)
        assert.isAtMost(transactions, fewStatements, table)
      }
    })
  )

  it.effect("keep what is sound when a message of their moment cannot be saved", () =>
    Effect.gen(function* () {
      const stored = request()
      yield* saveAll([stored])
      const sound = requests(10)
      const bad = [request({ tag: "t".repeat(60) }), stored, request({ headers: {}, tag: "\u0000" })]
      const results = yield* saveAll([...sound.slice(0, 5), ...bad, ...sound.slice(5)])
      assert.deepStrictEqual(succeeded(results), [...Array(5).fill(true), false, false, false, ...Array(5).fill(true)])
      assert.strictEqual(
        (yield* written(
          messagesTable,
          sound.map(({ requestId }) => requestId)
        )).rows,
        sound.length
      )
    })
  )

  it.effect("keep what is sound when a reply of their moment cannot be saved", () =>
    Effect.gen(function* () {
      const all = requests(8)
      yield* saveAll(all)
      const [answered, ...others] = all
      yield* replyAll([exit(answered!)])
      const results = yield* replyAll([exit(answered!, "again"), ...others.map((one) => exit(one))])
      assert.deepStrictEqual(succeeded(results), [false, ...others.map(() => true)])
      const storage = yield* Storage
      const replies = yield* storage.repliesFor([answered!.requestId, ...others.map(({ requestId }) => requestId)])
      assert.deepStrictEqual(
        replies.map((reply) => reply._tag === "WithExit" && reply.exit).map((value) => JSON.stringify(value)),
        all.map(() => JSON.stringify({ _tag: "Success", value: "done" }))
      )
    })
  )

  it.effect("let one of many through that save the same request under its primary key", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const envelope = request()
      const save = storage.saveEnvelope({ envelope, primaryKey: `Case/${envelope.requestId}`, deliverAt: null })
      const results = yield* Effect.all(
        Array.from({ length: 32 }, (_, n) => Effect.delay(save, n % 4)),
        { concurrency: "unbounded" }
      )
      const duplicates = results.filter((result) => result._tag === "Duplicate")
      assert.strictEqual(duplicates.length, results.length - 1)
      for (const { originalId } of duplicates) assert.strictEqual(String(originalId), envelope.requestId)
    })
  )

  it.effect("give one of two acknowledgements that were saved at the same moment", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const one = request()
      const part = chunk(one, 0)
      yield* saveAll([one])
      yield* replyAll([part])
      yield* saveAll([ack(one, part), interrupt(one), ack(one, part)])
      const messages = yield* storage.unprocessedMessages([shardOf(one)], Date.now())
      assert.deepStrictEqual(
        messages.map(({ envelope }) => envelope._tag),
        ["Request", "Interrupt", "AckChunk"]
      )
    })
  )

  it.effect("do not leave a message for long that was claimed and not run", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const storage = yield* Storage
      const one = request()
      yield* saveAll([one])
      const read = (from: typeof storage) =>
        Effect.map(from.unprocessedMessages([shardOf(one)], Date.now()), (messages) => messages.length)
      assert.strictEqual(yield* read(storage), 1)
      const claimedFor = (age: string) =>
        sql.unsafe(`UPDATE ${messagesTable} SET last_read = now() - interval '${age}' WHERE id = $1::text::bigint`, [
          one.requestId
        ])
      const readAnew = Effect.scoped(Effect.flatMap(Storage, read).pipe(Effect.provide(Layer.fresh(Storages.another))))
      yield* claimedFor("25 seconds")
      assert.strictEqual(yield* readAnew, 0)
      yield* claimedFor("31 seconds")
      assert.strictEqual(yield* readAnew, 1)
    })
  )

  it.effect("give up all claims on a shard that moved, also when nobody waits for that any more", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const storage = yield* Storage
      const shard = "case:moved"
      yield* sql.unsafe(
        `INSERT INTO ${messagesTable} (id, shard_id, entity_type, entity_id, kind, request_id, last_read)
         SELECT n, $1::text, 'Case', 'moved', 0, n, now() FROM generate_series(1, 6000) AS n`,
        [shard]
      )
      const other = yield* sql.reserve
      const onOther = (text: string) => other.executeUnprepared(text, [], undefined)
      yield* onOther("BEGIN")
      yield* onOther(`SELECT FROM ${messagesTable} WHERE shard_id = '${shard}' FOR UPDATE`)
      const waited = yield* Effect.timeoutOption(storage.resetShards([shard]), "100 millis")
      yield* onOther("COMMIT")
      assert.isTrue(Option.isNone(waited))
      const claimed = sql.unsafe<{ count: number }>(
        `SELECT count(*)::int AS count FROM ${messagesTable} WHERE shard_id = $1::text AND last_read IS NOT NULL`,
        [shard]
      )
      yield* until(
        "every claim is given up",
        Effect.map(claimed, (rows) => rows[0]!.count === 0)
      )
    }).pipe(Effect.scoped)
  )
})
