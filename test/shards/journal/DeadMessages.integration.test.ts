import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { DeadMessages } from "../../../src/ports/DeadMessages.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as PgDeadMessages from "../../../src/shards/reads/PgDeadMessages.ts"
import { Counter, layer as counterLayer } from "../../fixtures/Counter.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { until } from "../../fixtures/Until.ts"

const layer = counterLayer().pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(PgDeadMessages.layer),
  Layer.provideMerge(Postgres.layer)
)

it.layer(layer, { timeout: 180_000, excludeTestServices: true })("dead messages in PostgreSQL", (it) => {
  it.effect("keep a refused message with its payload, are listed newest first, counted and removed", () =>
    Effect.gen(function* () {
      const began = yield* Clock.currentTimeMillis
      const counters = yield* ActorClient.make(Counter)
      const dead = yield* DeadMessages
      for (const by of [1, 2_000, 2, 3_000]) yield* counters("a").Pass({ to: "b", by })
      yield* until(
        "two messages are dead",
        Effect.map(dead.list({ limit: 10 }), ({ length }) => length === 2)
      )
      assert.strictEqual(yield* counters("b").Get(), 3)
      const [last, first] = yield* dead.list({ limit: 10 })
      assert.deepInclude(first, { entityType: "TestCounter", entityId: "b", tag: "Add", reason: "refused" })
      assert.match(first!.messageId, /^TestCounter\/a\/\d+\/0$/)
      assert.include(first!.error, "TooMuch")
      assert.isAtLeast(first!.at, began)
      assert.deepStrictEqual(yield* dead.list({ before: last!.number, limit: 10 }), [first!])
      assert.deepStrictEqual((yield* dead.get(last!.number))?.payload, { by: 3_000 })
      assert.strictEqual(yield* dead.countSince(began), 2)
      assert.isTrue(yield* dead.remove(last!.number))
      assert.isFalse(yield* dead.remove(last!.number))
      assert.strictEqual(yield* dead.get(last!.number), undefined)
      assert.strictEqual(yield* dead.countSince(began), 1)
    })
  )

  it.effect("are of the receiver's commit: its journal has an entry without events under the message's id", () =>
    Effect.gen(function* () {
      const counters = yield* ActorClient.make(Counter)
      const sql = yield* PgClient.PgClient
      yield* counters("c").Pass({ to: "d", by: 5_000 })
      const entries = sql.unsafe<{ command: string; events: unknown; answer: unknown }>(
        `SELECT command, events, answer FROM clawster_journal WHERE entity_id = 'd' AND request_id LIKE 'TestCounter/c/%'`
      )
      yield* until(
        "the entry is there",
        Effect.map(entries, ({ length }) => length === 1)
      )
      const failure = { _tag: "Failure", error: { _tag: "DeadMessage", reason: "refused" } }
      assert.deepStrictEqual(yield* entries, [{ command: "Add", events: [], answer: failure }])
    })
  )
})
