/** The store's readers of instances: one that is heard, one that has just been silent for too long, one not served. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Effect, Equal, Layer, Schema } from "effect"
import * as Candidate from "../../../src/entities/routing/Candidate.ts"
import { hasAlternative } from "../../../src/entities/routing/Alternatives.ts"
import { route } from "../../../src/entities/routing/Router.ts"
import * as Checks from "../../../src/gateway/HealthChecks.ts"
import { everyInstance } from "../../../src/gateway/service/instances/EveryInstance.ts"
import { Fleet } from "../../../src/ports/Fleet.ts"
import { InstanceReads } from "../../../src/ports/InstanceReads.ts"
import { defaultPlacement, hostPlacement, InstanceId, TenantId } from "../../../src/schema/Ids.ts"
import { InstanceStatus } from "../../../src/schema/Instance.ts"
import { silentAfterMillis } from "../../../src/schema/instance/Liveness.ts"
import * as PgFleet from "../../../src/shards/reads/PgFleet.ts"
import * as PgInstanceReads from "../../../src/shards/reads/PgInstanceReads.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { untilAnswer } from "../../fixtures/Until.ts"

const layer = Layer.mergeAll(PgInstanceReads.layer, PgFleet.layer).pipe(Layer.provideMerge(Postgres.layer))

const encode = Schema.encodeUnknownSync(
  Schema.toCodecJson(InstanceStatus) as unknown as Schema.Codec<InstanceStatus, unknown>
)

const insert = Effect.fnUntraced(function* (status: InstanceStatus, silentMillis: number) {
  const sql = yield* PgClient.PgClient
  const id = `${status.placement}/${status.instanceId}`
  yield* sql.unsafe(
    `INSERT INTO clawster_views (entity_type, entity_id, tenant_id, doc) VALUES ('Instance', $1::text, NULL, $2::text::json)`,
    [id, JSON.stringify(encode(status))]
  )
  yield* sql.unsafe(
    `INSERT INTO clawster_heartbeats (entity_id, at)
     VALUES ($1::text, clock_timestamp() - $2::float8 * interval '1 millisecond')
     ON CONFLICT (entity_id) DO UPDATE SET at = EXCLUDED.at`,
    [id, silentMillis]
  )
})

/** A runner that serves the default placement for as long as the test lasts. */
const runner = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe(
    `INSERT INTO clawster_runners (address, runner, healthy, lease_until)
     VALUES ('runner:1', $1::text, true, clock_timestamp() + interval '1 hour')`,
    [JSON.stringify({ address: { host: "runner", port: 1 }, groups: [defaultPlacement] })]
  )
)

const healthOf = (all: ReadonlyArray<InstanceStatus>): Record<string, string> =>
  Object.fromEntries(all.map(({ health, instanceId }) => [instanceId, health]))

const expected = { "i-gone": "unknown", "i-heard": "healthy", "i-silent": "unknown" }

it.layer(layer, { timeout: 120_000, excludeTestServices: true })("an instance that is not heard any more", (it) => {
  it.effect("is unknown in every reading of the store, with the reason, and is routed to by none", () =>
    Effect.gen(function* () {
      yield* runner
      yield* insert(instanceStatus("i-heard"), 100)
      yield* insert(instanceStatus("i-silent"), silentAfterMillis + 1)
      yield* insert(instanceStatus("i-gone", { placement: hostPlacement("away") }), 100)

      const reads = yield* InstanceReads
      assert.deepStrictEqual(healthOf((yield* reads.list({ limit: 10 })).items), expected)
      const every = yield* everyInstance(reads)
      assert.deepStrictEqual(healthOf(every), expected)
      const one = yield* reads.get(InstanceId.make("i-silent"))
      assert.match(one!.reason!, /not heard for three heartbeats/)
      assert.match((yield* reads.get(InstanceId.make("i-gone")))!.reason!, /no live runner serves host-away/)
      assert.match(Checks.instances(every).detail!, /^1 of 3 are healthy; 2 unknown/)

      const fleet = yield* Fleet
      const isSo = (all: ReadonlyArray<InstanceStatus>) => Equal.equals(healthOf(all), expected)
      const snapshot = yield* untilAnswer("the fleet is seen so, too", fleet.snapshot, isSo, { show: healthOf })
      const request = { tenantId: TenantId.make("acme"), key: "t", hints: {} }
      const decide = (all: ReadonlyArray<InstanceStatus>) =>
        route(
          request,
          all.map((status) => Candidate.make(status)),
          0
        )
      assert.deepInclude(decide(snapshot), { _tag: "Routed", instanceId: InstanceId.make("i-heard") })
      const unheard = snapshot.filter(({ instanceId }) => instanceId !== "i-heard")
      assert.deepInclude(decide(unheard), { _tag: "Unroutable", reason: "2 instances: 2 not heard of" })
      assert.isFalse(hasAlternative(request, unheard, 0))
    })
  )
})
