/** A runner process that has used up its file descriptors: it is still there, renews its lease, and cannot serve. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import * as Machines from "../fixtures/processes/Machines.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"

const limit = 180

/** Connections to the runner's port that nobody closes, each of which is a descriptor there. */
const hoard = (address: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const [host, port] = address.split(":")
      return Array.from({ length: limit }, () => {
        const socket: Socket = connect({ host: host!, port: Number(port) })
        return socket.on("error", () => undefined)
      })
    }),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )

layer(Postgres.layer, { excludeTestServices: true, timeout: "120 seconds" })("a runner without descriptors", (it) => {
  it.effect(
    "says so, hands its shards over and ends with an error, and calls go on elsewhere",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const well = yield* Machines.start("one")
          const ill = yield* Machines.start("two", { command: ["prlimit", `--nofile=${limit}:${limit}`] })
          const { send, untilIs } = yield* Machines.gateway()
          yield* untilIs(
            "/runners",
            "both serve and own shards",
            ({ body }) =>
              body.items.length === 2 &&
              body.items.every(({ shards, state }: any) => state === "serving" && shards > 100)
          )
          yield* hoard(ill.address)
          yield* untilIs(
            "/health",
            "health says so",
            ({ body }) => /descriptors/.test(JSON.stringify(body.checks)) && body.status !== "ok"
          )
          assert.strictEqual(yield* ill.exited, 1)
          assert.match(ill.output(), /cannot serve: \d+ of its 180 file descriptors are used/)
          yield* untilIs("/shards", "the other has the shards of no host", ({ body }) =>
            body.items.some(
              ({ owner, placement, shards }: any) => placement === "default" && owner === well.address && shards === 300
            )
          )
          const submitted = yield* Effect.forEach(
            Array.from({ length: 20 }, (_, n) => n),
            (n) => send("POST", "/tasks", { lane: `lane-${n}`, tenantId: "acme", payload: { message: "hello" } })
          )
          assert.deepStrictEqual([...new Set(submitted.map(({ status }) => status))], [202])
        })
      ),
    240_000
  )
})
