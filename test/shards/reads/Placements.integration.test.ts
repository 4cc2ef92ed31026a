/** Which placements are known while runners come, go, die and are forgotten, on a real PostgreSQL. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Runner, RunnerAddress, RunnerStorage } from "effect/cluster"
import { placementRememberedMillis } from "../../../src/schema/ClusterStatus.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as ClusterConfig from "../../../src/shards/ClusterConfig.ts"
import * as OwnedShards from "../../../src/shards/leases/OwnedShards.ts"
import * as PgLeases from "../../../src/shards/leases/PgLeases.ts"
import * as Placements from "../../../src/shards/reads/Placements.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const storage = Layer.fresh(PgLeases.layer).pipe(
  Layer.provide(Layer.fresh(OwnedShards.layer)),
  Layer.provide(ClusterConfig.runner({ host: "any", port: 1, serves: [defaultPlacement] }))
)

const registrations = Effect.map(Layer.build(storage), (context) => {
  const leases = Context.get(context, RunnerStorage.RunnerStorage)
  const address = (host: string) => RunnerAddress.make(host, 1)
  return {
    joins: (host: string, ...groups: ReadonlyArray<string>) =>
      leases.register(Runner.make({ address: address(host), groups: ["default", ...groups], weight: 1 }), true),
    leaves: (host: string) => leases.unregister(address(host)),
    dies: (host: string) => leases.setRunnerHealth(address(host), false)
  }
})

const query = (statement: string) => Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(statement))

const known = Effect.map(Placements.known, (found) =>
  Object.fromEntries(found.map(({ placement, servedWith }) => [placement, servedWith.map(String)]))
)

it.layer(Postgres.layer, { timeout: 120_000, excludeTestServices: true })("the placements of a cluster", (it) => {
  it.effect("are those that registered runners serve, and those of runners that have left or died", () =>
    Effect.gen(function* () {
      const { dies, joins, leaves } = yield* registrations
      yield* joins("a", "host-a", "region-eu")
      yield* joins("b", "host-b")
      const all = ["default", "host-a", "host-b", "region-eu"]
      assert.deepStrictEqual(yield* known, {
        default: all,
        "host-a": ["default", "host-a", "region-eu"],
        "host-b": ["default", "host-b"],
        "region-eu": ["default", "host-a", "region-eu"]
      })
      yield* leaves("a")
      yield* dies("b")
      assert.deepStrictEqual(yield* known, { default: [], "host-a": [], "host-b": [], "region-eu": [] })
      for (const { lastSeenAt } of yield* Placements.known) assert.isBelow(Date.now() - lastSeenAt!, 60_000)
      yield* joins("b", "host-b")
      assert.deepStrictEqual((yield* known)["host-b"], ["default", "host-b"])
      yield* joins("b", "host-c")
      assert.deepInclude(yield* known, { "host-b": [], "host-c": ["default", "host-c"] })
      yield* leaves("b")
    }).pipe(Effect.scoped)
  )

  it.effect(
    "are forgotten a set time after their last runner lived, but for those where instances are registered",
    () =>
      Effect.gen(function* () {
        const { joins, leaves } = yield* registrations
        yield* joins("d", "host-d")
        yield* query(
          `UPDATE clawster_runners SET lease_until = clock_timestamp() - interval '2 days' WHERE address = 'd:1'`
        )
        yield* joins("e", "host-e")
        assert.isEmpty(yield* query(`SELECT 1 FROM clawster_runners WHERE address = 'd:1'`), "its row is gone")
        const d = (yield* Placements.known).find(({ placement }) => placement === "host-d")
        assert.approximately(d!.lastSeenAt!, Date.now() - 2 * 86_400_000, 60_000)
        yield* leaves("e")
        yield* query(
          `UPDATE clawster_placements SET seen_at = clock_timestamp() - interval '${placementRememberedMillis + 1_000} milliseconds'`
        )
        yield* query(
          `INSERT INTO clawster_views (entity_type, entity_id, doc) VALUES ('Instance', 'host-d/one', '{}'), ('Instance', 'host-e/two', '{}')`
        )
        yield* query(`INSERT INTO clawster_tombstones (entity_id, at) VALUES ('host-e/two', now())`)
        assert.deepStrictEqual(yield* known, { "host-d": [] })
        assert.strictEqual((yield* Placements.known)[0]!.instances, 1)
      }).pipe(Effect.scoped)
  )
})
