import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { Resources } from "../../../src/actor/Resources.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as PgResources from "../../../src/shards/journal/PgResources.ts"
import * as Retention from "../../../src/shards/retention/Retention.ts"
import { conformance } from "../../conformance/Resources.ts"
import { layer as plannerLayer, Planner } from "../../fixtures/Planner.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

conformance("PostgreSQL", PgResources.layer.pipe(Layer.provide(Postgres.layer)))

const cluster = plannerLayer.pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provideMerge(Postgres.layer)
)

it.layer(cluster, { timeout: 180_000, excludeTestServices: true })("resources in PostgreSQL", (it) => {
  it.effect("are removed by retention once no actor uses them", () =>
    Effect.gen(function* () {
      const resources = yield* Resources
      const sql = yield* PgClient.PgClient
      const planner = (yield* ActorClient.make(Planner))("a")
      const used = yield* resources.put({ steps: ["one"] })
      const unused = yield* resources.put({ steps: ["nobody's"] })
      const fresh = yield* resources.put({ steps: ["put just now"] })
      const kept = yield* resources.put({ steps: ["about to be used"] })
      yield* planner.Begin({ plan: used })
      yield* sql.unsafe(`UPDATE clawster_resources SET put_at = now() - interval '2 days' WHERE key <> $1::text`, [
        fresh
      ])
      yield* resources.keep(kept)
      const day = Duration.days(1)
      const options = { history: day, tasks: day, messages: day, idempotencyKeys: day, every: day }
      assert.strictEqual((yield* Retention.sweep(options))?.resources, 1)
      assert.strictEqual((yield* Effect.flip(resources.get(unused)))._tag, "ResourceMissing")
      assert.deepStrictEqual(yield* resources.get(used), { steps: ["one"] })
      assert.deepStrictEqual(yield* resources.get(fresh), { steps: ["put just now"] })
      assert.deepStrictEqual(yield* resources.get(kept), { steps: ["about to be used"] })
      yield* planner.Begin({ plan: null })
      assert.strictEqual((yield* Retention.sweep(options))?.resources, 1)
      assert.strictEqual((yield* Effect.flip(resources.get(used)))._tag, "ResourceMissing")
    })
  )
})
