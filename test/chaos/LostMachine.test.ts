/** A machine that is gone for good, as every reader sees it and as its work feels it: runner processes on two hosts, PostgreSQL, a gateway. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Machines from "../fixtures/Machines.ts"
import * as Postgres from "../fixtures/Postgres.ts"
import { until } from "../fixtures/Until.ts"

const hosts = ["a", "b"]

/** Both machines with an instance each, and the gateway. */
const twoMachines = Effect.gen(function* () {
  const [a, b] = yield* Effect.forEach(hosts, (host) => Machines.start(host, { hosts }), { concurrency: 2 })
  const gateway = yield* Machines.gateway(hosts)
  yield* Effect.forEach(hosts, (host) => gateway.instance(`on-${host}`, host), { concurrency: 2, discard: true })
  return { a: a!, b: b!, ...gateway }
})

layer(Postgres.TestPostgres.layer, { excludeTestServices: true, timeout: "120 seconds" })(
  "a machine that is gone",
  (it) => {
    it.effect(
      "is unknown for every reader, gets nothing new, and what it was given runs elsewhere",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const { a, send, untilIs } = yield* twoMachines
            yield* a.signal("SIGKILL")
            yield* untilIs(
              "/instances/on-a",
              "the instance is unknown by itself",
              ({ body }) => body.health === "unknown",
              "20 seconds"
            )
            const listed = yield* send("GET", "/instances")
            assert.deepStrictEqual(
              listed.body.items.map(({ health, instanceId }: any) => [instanceId, health]),
              [
                ["on-a", "unknown"],
                ["on-b", "healthy"]
              ]
            )
            assert.match(listed.body.items[0].reason, /no live runner serves host-a/)
            const tasks = Array.from({ length: 80 }, (_, n) => ({
              taskId: `after-${n}`,
              tenantId: "acme",
              payload: { message: "hello" }
            }))
            assert.strictEqual((yield* send("POST", "/tasks/bulk", { tasks })).status, 202)
            yield* untilIs(
              "/tasks?tenantId=acme&limit=100",
              "all have ended",
              ({ body }) => body.items.filter(({ phase }: any) => phase === "completed").length === tasks.length
            )
            const ended = yield* send("GET", "/tasks?tenantId=acme&limit=100")
            assert.deepStrictEqual([...new Set(ended.body.items.map(({ instanceId }: any) => instanceId))], ["on-b"])
            yield* until(
              "the metrics say so",
              Effect.map(
                send("GET", "/metrics"),
                ({ body }) =>
                  /instance_health\{.*instance_id="on-a".*\} 0\n/.test(body) &&
                  /instance_health\{.*instance_id="on-b".*\} 1\n/.test(body)
              )
            )
          })
        ),
      240_000
    )
  }
)
