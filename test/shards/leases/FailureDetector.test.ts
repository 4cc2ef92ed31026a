import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readlinkSync } from "node:fs"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { knockByTcp } from "../../../src/shards/leases/FailureDetector.ts"
import { until } from "../../fixtures/Until.ts"

const knocks = 40
const host = "127.0.0.1"

/** Sockets among this process's open descriptors. */
const openSockets = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:")
    } catch {
      return false
    }
  }).length

const backTo = (before: number) =>
  until(
    `${before} sockets are open again`,
    Effect.sync(() => openSockets() <= before)
  )

/** Keeps every connection until its peer closes it. */
const listening = Effect.acquireRelease(
  Effect.promise(async () => {
    const peers = new Set<Socket>()
    let accepted = 0
    const server = createServer((peer) => {
      accepted++
      peers.add(peer)
      peer.on("error", () => {})
      peer.resume().on("close", () => peers.delete(peer))
    }).listen(0, host)
    await once(server, "listening")
    return { server, peers, accepted: () => accepted, port: (server.address() as AddressInfo).port }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

/** Where nobody listens, and which no outgoing connection is given. */
const closedPort = 1

/**
 * A port of a process that has stopped accepting, with its queue full: the kernel leaves whoever knocks without a word.
 */
const silentPort = Effect.gen(function* () {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        process.execPath,
        [
          "-e",
          `const server = require("node:net").createServer().listen({ port: 0, host: "${host}", backlog: 1 }, () => {
          process.stdout.write(String(server.address().port), () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
        })`
        ],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
    ),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  const port = Number(yield* Effect.promise(() => once(child.stdout, "data")))
  const waiting = yield* Effect.acquireRelease(
    Effect.sync(() => Array.from({ length: 8 }, () => connect(port, host).on("error", () => {}))),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )
  yield* until(
    "its queue is full",
    Effect.sync(() => {
      const connecting = waiting.filter((socket) => socket.connecting).length
      return connecting > 0 && connecting < waiting.length
    })
  )
  return port
})

const many = (port: number, at = host) =>
  Effect.forEach(Array.from({ length: knocks }), () => knockByTcp(at, port), { concurrency: 20 })

describe("A knock at a runner's port leaves no socket open", () => {
  it.live("when the port answers, on either side", () =>
    Effect.gen(function* () {
      const { accepted, peers, port } = yield* listening
      const before = openSockets()
      assert.deepStrictEqual(new Set(yield* many(port)), new Set(["answers"]))
      yield* until(
        "the other side has seen all of them",
        Effect.sync(() => accepted() === knocks)
      )
      yield* until(
        "the other side has closed all of them",
        Effect.sync(() => peers.size === 0)
      )
      yield* backTo(before)
    }).pipe(Effect.scoped)
  )

  it.live("when the port refuses", () =>
    Effect.gen(function* () {
      const before = openSockets()
      assert.deepStrictEqual(new Set(yield* many(closedPort)), new Set(["refuses"]))
      yield* backTo(before)
    })
  )

  it.live("when there is no way to the address", () =>
    Effect.gen(function* () {
      const before = openSockets()
      assert.deepStrictEqual(new Set(yield* many(1, "255.255.255.255")), new Set(["silent"]))
      yield* backTo(before)
    })
  )

  it.live("when nobody says anything within the time it has", () =>
    Effect.gen(function* () {
      const port = yield* silentPort
      const before = openSockets()
      assert.deepStrictEqual(new Set(yield* many(port)), new Set(["silent"]))
      yield* backTo(before)
    }).pipe(Effect.scoped)
  )

  it.live("when the observer is interrupted", () =>
    Effect.gen(function* () {
      const port = yield* silentPort
      const before = openSockets()
      const observers = yield* Effect.forEach(Array.from({ length: knocks }), () =>
        Effect.forkChild(knockByTcp(host, port))
      )
      yield* until(
        "all are knocking",
        Effect.sync(() => openSockets() >= before + knocks)
      )
      yield* Fiber.interruptAll(observers)
      yield* backTo(before)
    }).pipe(Effect.scoped)
  )
})
