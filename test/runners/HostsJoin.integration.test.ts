/**
 * Hosts come and go while everything else keeps running: a gateway process that is started first, and runner processes
 * of hosts that nothing was told of, over a real PostgreSQL.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Home from "../fixtures/processes/Home.ts"
import * as Machines from "../fixtures/processes/Machines.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"

/** The highest epoch of the shards of a placement. */
const epochOf = (placement: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ epoch: number }>(
      `SELECT max(epoch)::float8 AS epoch FROM clawster_shards WHERE shard_id LIKE '${placement}:%'`
    )
  ).pipe(Effect.map((rows) => rows[0]!.epoch))

const unservedOf = ({ body }: Machines.Answer): ReadonlyArray<string> =>
  (body.unserved ?? []).map(({ placement }: any) => placement)

layer(Postgres.layer, { excludeTestServices: true, timeout: "120 seconds" })("hosts", (it) => {
  it.effect(
    "join and leave a running cluster: work runs there at once, and a host that is gone is shown until it is back",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const file = join(yield* Home.make, "instances.json")
          writeFileSync(file, JSON.stringify([{ instanceId: "declared", driver: "simulated", placement: "host-b" }]))
          const { instance, output, send, untilIs } = yield* Machines.gatewayProcess({
            CLAWSTER_HOSTS: "left,over",
            CLAWSTER_INSTANCES: file
          })
          assert.match(output(), /CLAWSTER_HOSTS is set and is no longer used/)
          const nobody = yield* send("POST", "/instances", { instanceId: "early", driver: "process" })
          assert.strictEqual(nobody.status, 503)
          assert.match(nobody.body.message, /no runner is live/)

          yield* Machines.start("a")
          yield* untilIs("/runners", "the first host is there", ({ body }) => body.items.length === 1)
          yield* instance("on-a", "a")
          const unknown = yield* send("POST", "/instances", {
            instanceId: "on-b",
            driver: "simulated",
            placement: "host-b"
          })
          assert.deepStrictEqual(
            [unknown.status, unknown.body.faults],
            [400, [{ path: "placement", expected: "one that a runner serves: default, host-a" }]]
          )

          const b = yield* Machines.start("b")
          yield* untilIs("/runners", "the second host is there", ({ body }) => body.items.length === 2)
          yield* instance("on-b", "b")
          const task = { tenantId: "acme", payload: { message: "hello" }, hints: { instanceId: "on-b" } }
          assert.strictEqual((yield* send("POST", "/tasks", { taskId: "there", ...task })).status, 202)
          yield* untilIs(
            "/tasks/there?tenantId=acme",
            "the task has run on the host that joined",
            ({ body }) => body.phase === "completed" && body.instanceId === "on-b"
          )
          yield* untilIs(
            "/instances/declared",
            "what was declared for it is there",
            ({ body }) => body.phase === "warm"
          )
          const epoch = yield* epochOf("host-b")

          yield* b.signal("SIGTERM")
          yield* b.exited
          yield* untilIs("/runners", "the host is shown without runner", (answer) =>
            unservedOf(answer).includes("host-b")
          )
          const shards = (yield* send("GET", "/shards")).body.items.filter(
            ({ placement }: any) => placement === "host-b"
          )
          assert.deepStrictEqual(
            shards.map(({ isServed, owner, shards }: any) => [owner, isServed, shards]),
            [[undefined, false, 300]]
          )
          yield* untilIs("/instances/on-b", "its instance is unknown", ({ body }) => body.health === "unknown")
          yield* untilIs("/health", "health says so", ({ body }) => body.checks.placements.ok === false)
          const away = yield* send("POST", "/instances", {
            instanceId: "more",
            driver: "simulated",
            placement: "host-b"
          })
          assert.strictEqual(away.status, 503)
          assert.match(away.body.message, /no live runner serves host-b now/)

          yield* Machines.start("b")
          yield* untilIs("/runners", "it is back", (answer) => !unservedOf(answer).includes("host-b"))
          yield* send("POST", "/tasks", { taskId: "again", ...task })
          yield* untilIs(
            "/tasks/again?tenantId=acme",
            "a task has run there again",
            ({ body }) => body.phase === "completed" && body.instanceId === "on-b"
          )
          assert.isAbove(yield* epochOf("host-b"), epoch, "under a new epoch")
        })
      ).pipe(Effect.provide(Postgres.connected)),
    240_000
  )
})
