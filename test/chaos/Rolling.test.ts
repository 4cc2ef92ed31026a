/**
 * Runners are replaced one after another under load: by the same version, and by this one where they were of an older.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Sources from "../../chaos/Sources.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { moreCalls, serves, shardsOf, underLoad } from "../fixtures/CountersUnderLoad.ts"
import * as Home from "../fixtures/processes/Home.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"

/** Of before the folders were renamed, and with fewer tables. */
const earlier = "75b28ac"
const hasHistory = Sources.commitOf(earlier) !== undefined

const startRunner = Effect.fnUntraced(function* (sources: Sources.Sources, port: number) {
  const { url } = yield* Postgres.TestPostgres
  const env = {
    DATABASE_URL: Redacted.value(url),
    CLAWSTER_HOME: yield* Home.make,
    CLAWSTER_DRIVERS: "simulated",
    CLAWSTER_RUNNER_PORT: String(port)
  }
  const running = yield* Processes.start(Sources.runnerOf(sources), [], {
    ready: "runner is ready",
    timeoutMillis: 120_000,
    env
  })
  return { ...running, port }
})

/** The tables are of this version from the beginning, as they are when an operator begins to replace processes. */
const replacedFrom = (older: Sources.Sources) =>
  underLoad(
    Effect.flatMap(TcpPorts.freePort, (port) => startRunner(older, port)),
    (runners, load) =>
      Effect.forEach(
        runners,
        ({ exited, port, signal }) =>
          Effect.gen(function* () {
            yield* signal("SIGTERM")
            assert.strictEqual(yield* exited, 0)
            assert.strictEqual(yield* shardsOf(port), 0)
            yield* startRunner(Sources.present, port)
            yield* serves(port)
            yield* moreCalls(load)
          }),
        { discard: true }
      )
  )

describe("a rolling restart of three runners", () => {
  it.live("loses and doubles nothing", () => replacedFrom(Sources.present))

  it.live.skipIf(!hasHistory)(
    `loses and doubles nothing when it changes the version (skipped where the clone lacks ${earlier})`,
    () => Effect.scoped(Effect.flatMap(Sources.checkout(earlier), replacedFrom))
  )
})
