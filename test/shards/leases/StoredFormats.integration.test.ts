/** When actors may store what the version before cannot read, on a real PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { Runner, RunnerAddress, RunnerStorage } from "effect/cluster"
import { storedFormat, StoredFormats } from "../../../src/ports/runners/StoredFormats.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as ClusterConfig from "../../../src/shards/ClusterConfig.ts"
import * as OwnedShards from "../../../src/shards/leases/OwnedShards.ts"
import * as PgLeases from "../../../src/shards/leases/PgLeases.ts"
import * as PgStoredFormats from "../../../src/shards/leases/PgStoredFormats.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const register = Effect.fnUntraced(function* (host: string) {
  const context = yield* Layer.build(
    Layer.fresh(PgLeases.layer).pipe(
      Layer.provideMerge(Layer.fresh(OwnedShards.layer)),
      Layer.provide(ClusterConfig.runner({ host, port: 1, serves: [defaultPlacement], leaseMillis: 6_000 }))
    )
  )
  const runner = Runner.make({ address: RunnerAddress.make(host, 1), groups: ["default"], weight: 1 })
  yield* Context.get(context, RunnerStorage.RunnerStorage).register(runner, true)
})

const change = (statement: string) => Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(statement))

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })("stored formats", (it) => {
  it.effect("what only this version reads is stored once no live runner of an older version is registered", () =>
    Effect.gen(function* () {
      yield* register("new")
      yield* register("old")
      yield* change(
        `UPDATE clawster_runners SET runner = (runner::jsonb - 'storedFormat')::text WHERE address = 'old:1'`
      )
      assert.strictEqual(yield* PgStoredFormats.readByAll, 1)
      const context = yield* Layer.build(PgStoredFormats.layer)
      const waiting = yield* Effect.forkChild(Context.get(context, StoredFormats).readByAll)
      yield* register("old")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* PgStoredFormats.readByAll, storedFormat)
    })
  )
})
