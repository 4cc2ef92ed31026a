import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer, Stream } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { ActorDirectory } from "../../../src/actor/runtime/ActorDirectory.ts"
import type { Definition } from "../../../src/actor/commit/PendingCommit.ts"
import * as Codec from "../../../src/actor/state/Codec.ts"
import { type ActorAddress, Journal } from "../../../src/actor/Journal.ts"
import { load } from "../../../src/actor/state/Load.ts"
import { Ownership } from "../../../src/actor/Ownership.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as JournalPruning from "../../../src/shards/retention/JournalPruning.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import { Counter, definition as counter, layer as counters } from "../../fixtures/Counter.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const definition = counter as unknown as Definition
const codec = Codec.make<unknown, { readonly _tag: string }>(definition)
const days = (count: number) => Duration.toMillis(Duration.days(count))

const entityType = counter.entity.type
const mine = { entityType, entityId: "quiet", shardId: "default:1" }
const others = { entityType, entityId: "elsewhere", shardId: "default:2" }

/** This runner owns the one shard under epoch 1, and knows counters. */
const runner = Layer.mergeAll(
  Layer.succeed(Ownership, {
    epochOf: (shardId) => (shardId === mine.shardId ? 1 : undefined),
    changes: Stream.never,
    owned: Effect.succeed([mine.shardId])
  }),
  Layer.succeed(ActorDirectory, {
    register: () => Effect.void,
    definitionOf: (type) => (type === entityType ? definition : undefined),
    shardOf: (_, entityId) => [mine, others].find((actor) => actor.entityId === entityId)?.shardId,
    deliver: () => Effect.void,
    tell: () => Effect.void,
    wake: () => Effect.succeed(false),
    hold: () => Effect.void
  })
)

const layer = Layer.merge(runner, PgJournal.layer).pipe(Layer.provideMerge(Postgres.layer))

/** One commit each, as an actor that is called now and then makes them. */
const count = (address: ActorAddress, times: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    for (const [index, at] of times.entries()) {
      const event = codec.encodeEvent({ _tag: "counter.added", by: index + 1 } as never, address.entityId)
      const entry = {
        seq: index + 1,
        requestId: null,
        command: "Add",
        payloadHash: null,
        events: [event],
        answer: null,
        at
      }
      yield* journal.append({ address, epoch: 1, entries: [entry], outbox: [], rows: [] })
    }
  })

const loaded = (address: ActorAddress) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    const found = yield* journal.load(address, definition.stateVersion)
    const { seq, state } = (yield* load(journal, definition, codec, address)).memory
    return { entries: found.entries.map((entry) => entry.seq), seq, state }
  })

it.layer(layer, { timeout: 120_000, excludeTestServices: true })("the history of an actor with few entries", (it) => {
  it.effect("goes when it is old, behind a snapshot, and the actor is what it was", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const clock = yield* Clock.Clock
      const now = clock.currentTimeMillisUnsafe()
      for (const { shardId } of [mine, others]) {
        yield* sql.unsafe(`INSERT INTO clawster_shards VALUES ('${shardId}', 'a runner', 1, now())`)
      }
      yield* count(mine, [now - days(3), now - days(2), now])
      yield* count(others, [now - days(3)])
      const before = yield* loaded(mine)
      const pass = yield* JournalPruning.make
      const sweepAt = (at: number) =>
        Effect.provideService(
          pass.sweep(at - days(1)),
          Clock.Clock,
          Object.create(clock, { currentTimeMillis: { value: Effect.succeed(at) } })
        )

      assert.strictEqual(yield* sweepAt(now), 0)
      const folded = yield* loaded(mine)
      assert.deepStrictEqual([folded.entries, folded.seq, folded.state], [[], before.seq, before.state])
      assert.strictEqual(yield* sweepAt(now + Duration.toMillis(Duration.hours(2))), 2)
      assert.deepStrictEqual(yield* loaded(mine), folded)
      const left = yield* sql.unsafe<{ id: string; seq: number }>(
        `SELECT entity_id AS id, seq::float8 AS seq FROM clawster_journal ORDER BY 1, 2`
      )
      assert.deepStrictEqual(left, [
        { id: "elsewhere", seq: 1 },
        { id: "quiet", seq: 3 }
      ])
    })
  )

  it.effect("goes on in the journal where it was, once the actor is called again", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const { seq } = yield* loaded(mine)
      const event = codec.encodeEvent({ _tag: "counter.added", by: 10 } as never, mine.entityId)
      yield* journal.append({
        address: mine,
        epoch: 1,
        entries: [
          { seq: seq + 1, requestId: null, command: "Add", payloadHash: null, events: [event], answer: null, at: 0 }
        ],
        outbox: [],
        rows: []
      })
      assert.deepInclude((yield* loaded(mine)).state as object, { total: 16 })
    })
  )
})

const cluster = counters().pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(Postgres.layer)
)

it.layer(cluster, { timeout: 120_000, excludeTestServices: true })("a runner that prunes", (it) => {
  it.effect("takes the snapshot of an actor that it serves, though that is in memory, and the actor goes on", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const one = (yield* ActorClient.make(Counter))("one")
      for (const by of [1, 2, 3]) yield* one.Add({ by })
      yield* sql.unsafe("UPDATE clawster_journal SET at = 0")
      const pass = yield* JournalPruning.make
      yield* pass.sweep(days(1))
      const snapshots = yield* sql.unsafe(`SELECT entity_id AS id, seq::float8 AS seq, state FROM clawster_snapshots`)
      assert.deepStrictEqual(snapshots, [{ id: "one", seq: 3, state: { total: 6, later: [], jobs: [] } }])
      assert.strictEqual(yield* one.Add({ by: 4 }), 10)
    })
  )
})
