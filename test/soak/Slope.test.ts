import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net"
import { boundOf, long, short } from "../../soak/Forms.ts"
import { judge, type Sample } from "../../soak/Slope.ts"
import { knockByTcp } from "../../src/shards/leases/FailureDetector.ts"

const form = short(240)
const window = { from: 120, until: 240, warmUp: 20 }
const times = Array.from({ length: 48 }, (_, n) => n * 5)

const verdictOf = (
  name: string,
  valueAt: (at: number, n: number) => number,
  lifeAt: (at: number) => number = () => 1
) => {
  const series = times.map((at, n): Sample => ({ at, value: valueAt(at, n), life: lifeAt(at) }))
  return judge(name, series, window, boundOf(form, name))!
}

const descriptors = () => readdirSync("/proc/self/fd").length

describe("The slope of a soak's series", () => {
  it("holds for what is level, for what swings, and for a spike", () => {
    assert.isTrue(verdictOf("runner-1.descriptors", () => 30).holds)
    assert.isTrue(verdictOf("runner-1.descriptors", (_, n) => 30 + (n % 7)).holds)
    assert.isTrue(verdictOf("runner-1.descriptors", (at) => (at === 200 ? 4_000 : 30)).holds)
    assert.isTrue(verdictOf("runner-1.rss", (at, n) => 2e8 + (n % 6) * 1e7 + (at < 100 ? at * 1e6 : 1e8)).holds)
  })

  it("holds for a sawtooth of restarts, each of which begins low and comes to rest", () => {
    const age = (at: number) => at % 60
    const { holds } = verdictOf(
      "runner-2.rss",
      (at) => 1e8 + Math.min(age(at), 20) * 5e6,
      (at) => Math.floor(at / 60)
    )
    assert.isTrue(holds)
  })

  it("fails for a leak, by its name, also one that is reset by restarts", () => {
    const verdict = verdictOf("runner-1.descriptors", (at) => 30 + at)
    assert.isFalse(verdict.holds)
    assert.strictEqual(verdict.name, "runner-1.descriptors")
    assert.closeTo(verdict.perHour, 3_600, 1)
    assert.isFalse(
      verdictOf(
        "runner-2.descriptors",
        (at) => 30 + (at % 60),
        (at) => Math.floor(at / 60)
      ).holds
    )
    assert.isFalse(verdictOf("table.clawster_journal.rows", (at) => 500 + 4 * at).holds)
  })

  it("says nothing of a series with too few samples", () => {
    assert.isUndefined(
      judge(
        "runner-1.rss",
        [
          { at: 130, value: 1 },
          { at: 135, value: 2 }
        ],
        window,
        undefined
      )
    )
  })

  it("has a bound for descriptors, heap, rows and disks in both forms, and for resident memory over hours", () => {
    assert.isDefined(boundOf(long(7_200), "gateway.rss"))
    for (const each of [form, long(7_200)]) {
      for (const name of [
        "runner-1.descriptors",
        "gateway.heap after gc",
        "runner-3.lag p99",
        "table.clawster_views.rows",
        "disk.gateways.real-0.bytes"
      ]) {
        assert.isDefined(boundOf(each, name), name)
      }
    }
  })

  it.live("fails for a knock that leaves its socket open, and holds for the one that runners use", () =>
    Effect.gen(function* () {
      const open = new Set<Socket>()
      const peers = new Set<Socket>()
      const server = createServer((peer) => void peers.add(peer.on("error", () => {}))).listen(0, "127.0.0.1")
      yield* Effect.promise(() => once(server, "listening"))
      const { port } = server.address() as AddressInfo
      const leaking = Effect.callback<void>((resume) => {
        const socket = createConnection({ host: "127.0.0.1", port })
        open.add(socket.once("connect", () => resume(Effect.void)))
        return Effect.sync(() => socket.destroy())
      })
      const seen = (knock: Effect.Effect<unknown>) =>
        Effect.forEach(times, (at) =>
          Effect.map(knock, (): Sample => {
            for (const peer of peers) if (peer.destroyed || peer.readableEnded) peers.delete(peer.destroy())
            return { at, value: descriptors() - peers.size }
          })
        )
      yield* Effect.gen(function* () {
        const bound = boundOf(form, "runner-1.descriptors")
        assert.isFalse(judge("runner-1.descriptors", yield* seen(leaking), window, bound)!.holds)
        assert.isTrue(judge("runner-1.descriptors", yield* seen(knockByTcp("127.0.0.1", port)), window, bound)!.holds)
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            for (const socket of [...open, ...peers]) socket.destroy()
            server.close()
          })
        )
      )
    })
  )
})
