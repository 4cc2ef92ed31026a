import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { keys, moreCalls, shardsOf, underLoad } from "../fixtures/CountersUnderLoad.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import { fileURLToPath } from "node:url"
import { until } from "../fixtures/Until.ts"

const script = fileURLToPath(new URL("../fixtures/processes/counterRunner.ts", import.meta.url))
const leaseMillis = 6_000

const startRunner = Effect.gen(function* () {
  const { url } = yield* Postgres.TestPostgres
  const port = yield* TcpPorts.freePort
  return { port, ...(yield* Processes.start(script, [Redacted.value(url), String(port)])) }
})

describe("runners", () => {
  it.live("lose nothing and double nothing when one is killed", () =>
    Effect.gen(function* () {
      const { report } = yield* underLoad(startRunner, ([victim], load) =>
        Effect.gen(function* () {
          yield* victim!.signal("SIGKILL")
          yield* until(
            "its shards are taken",
            Effect.map(shardsOf(victim!.port), (n) => n === 0)
          )
          yield* moreCalls(load)
        })
      )
      assert.isBelow(report.longestSilenceMillis, leaseMillis, "a closed port is noticed before the lease runs out")
    })
  )

  it.live("lose nothing when one is frozen, and a thawed one lands no stale write and serves again", () =>
    underLoad(startRunner, ([victim], load) =>
      Effect.gen(function* () {
        yield* victim!.signal("SIGSTOP")
        yield* until(
          "its shards are taken",
          Effect.map(shardsOf(victim!.port), (n) => n === 0)
        )
        yield* moreCalls(load)
        yield* victim!.signal("SIGCONT")
        yield* until(
          "it serves again",
          Effect.map(shardsOf(victim!.port), (n) => n > 50)
        )
        yield* moreCalls(load)
        yield* victim!.signal("SIGTERM")
        assert.strictEqual(yield* victim!.exited, 0)
      })
    )
  )

  it.live("stop acknowledging while PostgreSQL is away, and resume by themselves when it is back", () =>
    underLoad(startRunner, (_, load) =>
      Effect.gen(function* () {
        const postgres = yield* Postgres.TestPostgres
        yield* postgres.down
        const acknowledged = load.totalAcknowledged()
        // The fault's own length: longer than the lease of 6 s, and nothing may happen in it that could be waited for.
        yield* Effect.sleep("8 seconds")
        assert.isAtMost(load.totalAcknowledged() - acknowledged, keys.length, "only what was committed may be answered")
        yield* postgres.up
        yield* moreCalls(load)
      })
    )
  )

  it.live("hand over when one is told to stop, and it exits 0", () =>
    underLoad(startRunner, ([victim], load) =>
      Effect.gen(function* () {
        yield* victim!.signal("SIGTERM")
        assert.strictEqual(yield* victim!.exited, 0)
        assert.strictEqual(yield* shardsOf(victim!.port), 0)
        yield* moreCalls(load)
      })
    )
  )
})
