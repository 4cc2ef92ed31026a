/** What message storage must do for persisted entities: the cluster's own, and the one with gathered saves. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, type Layer, Option, Result } from "effect"
import {
  EntityAddress,
  EntityId,
  EntityType,
  type Envelope,
  type MessageStorage,
  type Reply,
  ShardId,
  Snowflake
} from "effect/cluster"
import type { SqlClient } from "effect/sql"
import { ack, chunk, exit, interrupt, request, shardOf } from "./Envelopes.ts"

export class Storage extends Context.Service<Storage, MessageStorage.Encoded>()("clawster/test/MessageStorage") {}

export interface StorageCase {
  readonly name: string
  readonly layer: Layer.Layer<Storage | SqlClient.SqlClient, unknown>
}

const save = (envelope: Envelope.Encoded, primaryKey: string | null = null, deliverAt: number | null = null) =>
  Effect.flatMap(Storage, (storage) => storage.saveEnvelope({ envelope, primaryKey, deliverAt }))

const reply = (value: Reply.Encoded) => Effect.flatMap(Storage, (storage) => storage.saveReply(value))

const read = (envelope: Envelope.Encoded, options: { readonly now?: number; readonly limit?: number } = {}) =>
  Effect.flatMap(Storage, (storage) =>
    storage.unprocessedMessages([shardOf(envelope)], options.now ?? Date.now(), options)
  )

const reset = (envelope: Envelope.Encoded) =>
  Effect.flatMap(Storage, (storage) => storage.resetShards([shardOf(envelope)]))

const repliesOf = ({ requestId }: { readonly requestId: string }) =>
  Effect.flatMap(Storage, (storage) => storage.repliesFor([requestId]))

const addressOf = ({ address }: Envelope.PartialRequestEncoded) =>
  new EntityAddress.EntityAddress({
    shardId: ShardId.make(address.shardId.group, address.shardId.id),
    entityType: EntityType.make(address.entityType),
    entityId: EntityId.make(address.entityId)
  })

const duplicate = ({ requestId }: { readonly requestId: string }, last?: Reply.Encoded): unknown => ({
  _tag: "Duplicate",
  originalId: Snowflake.Snowflake(requestId),
  lastReceivedReply: Option.fromUndefinedOr(last)
})
const success: unknown = { _tag: "Success" }

const equals = (actual: unknown, expected: unknown) =>
  assert.deepStrictEqual({ ...(actual as object) }, { ...(expected as object) })

const envelopes = (messages: ReadonlyArray<{ readonly envelope: Envelope.Encoded }>) =>
  messages.map(({ envelope }) => envelope)

export const conformance = (subject: StorageCase) => {
  it.layer(subject.layer, { timeout: 120_000, excludeTestServices: true })(`${subject.name} message storage`, (it) => {
    it.effect("gives a saved request to the one who reads its shard, as it was, and once", () =>
      Effect.gen(function* () {
        const one = request({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true })
        equals(yield* save(one), success)
        const [message] = yield* read(one)
        assert.deepStrictEqual(message, { envelope: one, lastSentReply: Option.none() })
        assert.deepStrictEqual(yield* read(one), [])
      })
    )

    it.effect("tells who saves under a known primary key the first request and its last reply", () =>
      Effect.gen(function* () {
        const [first, again, last] = [request(), request(), request()]
        const key = `Case/${first.requestId}`
        equals(yield* save(first, key), success)
        equals(yield* save(again, key), duplicate(first))
        equals(yield* save(first, key), duplicate(first))
        const part = chunk(first, 0)
        yield* reply(part)
        equals(yield* save(again, key), duplicate(first, part))
        yield* save(ack(first, part))
        const end = exit(first)
        yield* reply(end)
        equals(yield* save(last, key), duplicate(first, end))
        const storage = yield* Storage
        assert.deepStrictEqual(
          yield* storage.requestIdForPrimaryKey(key),
          Option.some(Snowflake.Snowflake(first.requestId))
        )
        assert.deepStrictEqual(yield* read(again), [])
      })
    )

    it.effect("lets one of many through that save under one primary key at the same moment", () =>
      Effect.gen(function* () {
        const all = Array.from({ length: 32 }, () => request())
        const key = `Case/${all[0]!.requestId}`
        const results = yield* Effect.forEach(all, (one) => save(one, key), { concurrency: "unbounded" })
        const winners = all.filter((_, index) => results[index]!._tag === "Success")
        assert.strictEqual(winners.length, 1)
        for (const result of results) if (result._tag === "Duplicate") equals(result, duplicate(winners[0]!))
      })
    )

    it.effect("knows a primary key longer than its column", () =>
      Effect.gen(function* () {
        const [first, again] = [request(), request()]
        const key = `Case/${first.requestId}/${"k".repeat(300)}`
        equals(yield* save(first, key), success)
        equals(yield* save(again, key), duplicate(first))
      })
    )

    it.effect("refuses a request id that is stored already, and keeps the first", () =>
      Effect.gen(function* () {
        const one = request()
        yield* save(one)
        const failure = yield* Effect.flip(save({ ...one, payload: { n: 2 } }))
        assert.strictEqual(failure._tag, "PersistenceError")
        assert.deepStrictEqual(envelopes(yield* read(one)), [one])
      })
    )

    it.effect("keeps a request until its time has come", () =>
      Effect.gen(function* () {
        const one = request()
        const due = Date.now() + 60_000
        yield* save(one, null, due)
        assert.deepStrictEqual(yield* read(one, { now: due - 1 }), [])
        assert.strictEqual((yield* read(one, { now: due })).length, 1)
      })
    )

    it.effect("reads in the order of saving, no more than asked for, and leaves the rest for later", () =>
      Effect.gen(function* () {
        const first = request()
        const others = Array.from({ length: 4 }, () => request({ address: first.address }))
        const all = [first, ...others]
        for (const one of all) yield* save(one)
        const some = yield* read(first, { limit: 2 })
        const rest = yield* read(first, { limit: 10 })
        assert.deepStrictEqual(envelopes([...some, ...rest]), all)
        assert.strictEqual(some.length, 2)
      })
    )

    it.effect("reads for the addresses asked for only", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const one = request()
        const other = request({ address: { ...one.address, entityId: `other-${one.address.entityId}` } })
        yield* save(one)
        yield* save(other)
        const found = yield* storage.unprocessedMessages([shardOf(one)], Date.now(), { addresses: [addressOf(other)] })
        assert.deepStrictEqual(envelopes(found), [other])
        assert.deepStrictEqual(envelopes(yield* read(one)), [one])
      })
    )

    it.effect("gives claimed messages again when their shard, their entity or they themselves are reset", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const one = request()
        yield* save(one)
        yield* read(one)
        const again = Effect.map(read(one), (messages) => messages.length)
        assert.strictEqual(yield* again, 0)
        yield* reset(one)
        assert.strictEqual(yield* again, 1)
        yield* storage.resetAddresses([addressOf(one)])
        assert.strictEqual(yield* again, 1)
        yield* storage.resetRequests([Snowflake.Snowflake(one.requestId)])
        assert.strictEqual(yield* again, 1)
      })
    )

    it.effect("is done with a request once its exit is saved, and with its interrupts", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const one = request()
        yield* save(one)
        const stop = interrupt(one)
        yield* save(stop)
        assert.deepStrictEqual(
          (yield* read(one)).map(({ envelope }) => envelope._tag),
          ["Request", "Interrupt"]
        )
        const end = exit(one)
        yield* reply(end)
        yield* reset(one)
        assert.deepStrictEqual(yield* read(one), [])
        assert.deepStrictEqual(yield* repliesOf(one), [end])
        assert.deepStrictEqual(
          yield* storage.unprocessedMessagesById([Snowflake.Snowflake(one.requestId)], Date.now()),
          []
        )
      })
    )

    it.effect("takes one exit only", () =>
      Effect.gen(function* () {
        const one = request()
        yield* save(one)
        const [first, second] = [exit(one, 1), exit(one, 2)]
        const results = yield* Effect.all([Effect.result(reply(first)), Effect.result(reply(second))], {
          concurrency: 2
        })
        assert.deepStrictEqual(results.map(Result.isSuccess).toSorted(), [false, true])
        assert.deepStrictEqual(yield* repliesOf(one), [Result.isSuccess(results[0]) ? first : second])
      })
    )

    it.effect("holds a streaming request back until its chunk is acknowledged, then gives the acknowledgement", () =>
      Effect.gen(function* () {
        const one = request()
        yield* save(one)
        yield* read(one)
        const first = chunk(one, 0)
        yield* reply(first)
        assert.deepStrictEqual(yield* repliesOf(one), [first])
        yield* reset(one)
        assert.deepStrictEqual(yield* read(one), [])
        const acked = ack(one, first)
        yield* save(acked)
        assert.deepStrictEqual(yield* repliesOf(one), [])
        const messages = yield* read(one)
        assert.deepStrictEqual(
          messages.map(({ envelope }) => envelope._tag),
          ["Request", "AckChunk"]
        )
        assert.deepStrictEqual(messages[0]!.lastSentReply, Option.some(first))
        const { address: _, ...rest } = messages[1]!.envelope
        const { address: __, ...wanted } = acked
        assert.deepStrictEqual(rest, wanted)
      })
    )

    it.effect("gives only the newest acknowledgement, and ends a stream with its exit", () =>
      Effect.gen(function* () {
        const one = request()
        yield* save(one)
        const chunks = [chunk(one, 0), chunk(one, 1)]
        for (const part of chunks) {
          yield* reply(part)
          yield* save(ack(one, part))
        }
        const messages = yield* read(one)
        assert.deepStrictEqual(
          messages.map(({ envelope }) => envelope._tag),
          ["Request", "AckChunk"]
        )
        assert.strictEqual((messages[1]!.envelope as Envelope.AckChunkEncoded).replyId, chunks[1]!.id)
        const end = exit(one)
        yield* reply(end)
        yield* reset(one)
        assert.deepStrictEqual(yield* read(one), [])
        assert.deepStrictEqual(yield* repliesOf(one), [end])
        const storage = yield* Storage
        assert.deepStrictEqual(yield* storage.repliesForUnfiltered([one.requestId]), [...chunks, end])
      })
    )

    it.effect("runs a request again whose replies are cleared", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const one = request()
        yield* save(one)
        yield* read(one)
        yield* reply(exit(one))
        yield* storage.clearReplies(Snowflake.Snowflake(one.requestId))
        assert.deepStrictEqual(envelopes(yield* read(one)), [one])
        const end = exit(one, "again")
        yield* reply(end)
        assert.deepStrictEqual(yield* repliesOf(one), [end])
      })
    )

    it.effect("forgets an entity that is cleared", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const one = request()
        yield* save(one, `Case/${one.requestId}`)
        yield* reply(exit(one))
        yield* storage.clearAddress(addressOf(one))
        assert.deepStrictEqual(yield* repliesOf(one), [])
        equals(yield* save(one, `Case/${one.requestId}`), success)
      })
    )

    it.effect("keeps what a transaction saved when it commits, and nothing of it when it fails", () =>
      Effect.gen(function* () {
        const storage = yield* Storage
        const [kept, lost, known] = [request(), request(), request()]
        yield* save(known, `Case/${known.requestId}`)
        const both = (one: Envelope.PartialRequestEncoded) =>
          Effect.gen(function* () {
            yield* save(one)
            yield* reply(exit(one))
            equals(yield* save(request(), `Case/${known.requestId}`), duplicate(known))
          })
        yield* storage.withTransaction(both(kept))
        yield* Effect.exit(storage.withTransaction(Effect.andThen(both(lost), Effect.fail("no"))))
        assert.strictEqual((yield* repliesOf(kept)).length, 1)
        assert.strictEqual((yield* repliesOf(lost)).length, 0)
        equals(yield* save(lost), success)
      })
    )
  })
}
