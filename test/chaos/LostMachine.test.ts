/**
 * A machine that is gone for good, as every reader sees it and as its work feels it: runner processes on two hosts,
 * PostgreSQL, a gateway.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Machines from "../fixtures/processes/Machines.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import { until } from "../fixtures/Until.ts"

/** Two machines with an instance each, and the gateway. */
const twoMachines = Effect.fnUntraced(function* (first: string, second: string) {
  const hosts = [first, second]
  const [a, b] = yield* Effect.forEach(hosts, (host) => Machines.start(host), { concurrency: 2 })
  const gateway = yield* Machines.gateway()
  yield* Effect.forEach(hosts, (host) => gateway.instance(`on-${host}`, host), { concurrency: 2, discard: true })
  return { a: a!, b: b!, ...gateway }
})

layer(Postgres.layer, { excludeTestServices: true, timeout: "120 seconds" })("a machine that is gone", (it) => {
  it.effect(
    "is unknown for every reader, gets nothing new, and what it was given runs elsewhere",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { a, send, untilIs } = yield* twoMachines("a", "b")
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

  it.effect(
    "has its running tasks and its sessions' turns done elsewhere, without using up their budget",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { a, send, untilIs } = yield* twoMachines("c", "d")
          const session = "/sessions/talk?tenantId=bolt"
          const turn = (turnId: string) => `/sessions/talk/turns/${turnId}?tenantId=bolt`
          const long = "take your time [[delay 60000]]"
          yield* send("POST", "/sessions", { sessionId: "talk", tenantId: "bolt", hints: { instanceId: "on-c" } })
          yield* send("POST", "/sessions/talk/turns?tenantId=bolt", { turnId: "one", message: "hello" })
          yield* untilIs(turn("one"), "the first turn has ended", ({ body }) => body.phase === "completed")
          const held = yield* send("POST", "/sessions/talk/move?tenantId=bolt", { instanceId: "on-c" })
          assert.strictEqual(held.status, 409)
          yield* send("POST", "/sessions/talk/move?tenantId=bolt", { instanceId: "on-d" })
          yield* send("POST", "/sessions/talk/turns?tenantId=bolt", { turnId: "two", message: "over there" })
          yield* untilIs(session, "it was moved by command", ({ body }) => body.instanceId === "on-d")
          yield* untilIs(turn("two"), "the second turn has ended", ({ body }) => body.phase === "completed")
          yield* send("POST", "/sessions/talk/move?tenantId=bolt", {})
          const hint = { hints: { instanceId: "on-c" } }
          const tasks = Array.from({ length: 6 }, (_, n) => ({
            taskId: `long-${n}`,
            tenantId: "bolt",
            payload: { message: long }
          }))
          yield* send("POST", "/tasks/bulk", { tasks })
          yield* send("POST", "/tasks", { taskId: "pinned", tenantId: "bolt", payload: { message: long }, ...hint })
          yield* send("POST", "/sessions/talk/turns?tenantId=bolt", { turnId: "last", message: long })
          const list = "/tasks?tenantId=bolt&limit=100"
          yield* untilIs(
            list,
            "all run, some on the machine",
            ({ body }) =>
              body.items.every(({ phase }: any) => phase === "running") &&
              body.items.filter(({ instanceId }: any) => instanceId === "on-c").length > 2
          )
          yield* untilIs(
            session,
            "the session has moved back and its turn runs",
            ({ body }) =>
              body.instanceId === "on-c" &&
              body.turns.some(({ phase, turnId }: any) => turnId === "last" && phase === "running")
          )
          yield* a.signal("SIGKILL")
          yield* untilIs(
            list,
            "what ran there runs on the other machine",
            ({ body }) =>
              body.items.every(
                ({ instanceId, phase, taskId }: any) =>
                  taskId === "pinned" || (phase === "running" && instanceId === "on-d")
              ),
            "90 seconds"
          )
          yield* untilIs(
            session,
            "the session's turn runs there, too",
            ({ body }) =>
              body.instanceId === "on-d" &&
              body.turns.some(({ phase, turnId }: any) => turnId === "last" && phase === "running")
          )
          const { body } = yield* send("GET", list)
          for (const { attempt, maxAttempts } of body.items) assert.strictEqual(maxAttempts - attempt, 2)
          const pinned = body.items.find(({ taskId }: any) => taskId === "pinned")
          assert.deepInclude(pinned, { phase: "running", instanceId: "on-c", attempt: 1 })
        })
      ),
    240_000
  )

  it.effect(
    "is removed by force without its runner, at once, and what is left there goes when it comes back",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { a, send, untilIs } = yield* twoMachines("e", "f")
          const sql = yield* PgClient.PgClient
          const hints = { instanceId: "on-e" }
          const payload = { message: "take your time [[delay 60000]]" }
          yield* send("POST", "/tasks", { taskId: "slow", tenantId: "bolt", payload, hints })
          yield* untilIs("/tasks/slow?tenantId=bolt", "it runs there", ({ body }) => body.phase === "running")
          yield* a.signal("SIGKILL")
          yield* send("DELETE", "/tasks/slow?tenantId=bolt")
          const messages = sql.unsafe(`SELECT 1 FROM clawster_outbox WHERE target_id = 'host-e/on-e'`)
          assert.isNotEmpty(yield* messages)
          yield* untilIs("/instances/on-e", "it is unknown", ({ body }) => body.health === "unknown")
          const removed = yield* send("DELETE", "/instances/on-e?force=true")
          assert.deepInclude(removed, { status: 202 })
          assert.deepInclude(removed.body, { phase: "destroyed" })
          assert.strictEqual((yield* send("GET", "/instances/on-e")).status, 404)
          const ids = (yield* send("GET", "/instances")).body.items.map(({ instanceId }: any) => instanceId)
          assert.notInclude(ids, "on-e")
          const isEmpty = Effect.map(messages, (rows) => rows.length === 0)
          yield* until("nothing is kept to be told to it", isEmpty, "60 seconds")
          const port = Number(a.address.split(":")[1])
          yield* Machines.start("e", { port })
          yield* until(
            "its actor has removed itself",
            Effect.map(
              sql.unsafe(`SELECT 1 FROM clawster_views WHERE entity_type = 'Instance' AND entity_id = 'host-e/on-e'`),
              (rows) => rows.length === 0
            )
          )
          const again = yield* send("POST", "/instances", {
            instanceId: "on-e",
            driver: "simulated",
            placement: "host-e"
          })
          assert.strictEqual(again.status, 201, JSON.stringify(again.body))
          yield* untilIs("/instances/on-e", "it is registered anew", ({ body }) => body.phase === "warm")
        })
      ).pipe(Effect.provide(Postgres.connected)),
    240_000
  )
})
