import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { fileURLToPath } from "node:url"
import * as TcpPorts from "../../../src/resources/TcpPorts.ts"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import * as Processes from "../../fixtures/processes/Processes.ts"
import { until } from "../../fixtures/Until.ts"
import * as Note from "./Note.ts"

const script = fileURLToPath(new URL("noteRunner.ts", import.meta.url))

const startRunner = (...more: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { url } = yield* Postgres.TestPostgres
    const port = yield* TcpPorts.freePort
    return { port, ...(yield* Processes.start(script, [Redacted.value(url), String(port), ...more])) }
  })

const cluster = Cluster.layerClient({ messages: true }).pipe(Layer.provideMerge(Postgres.layer))

it.layer(cluster, { timeout: 120_000, excludeTestServices: true })("A message to a plain entity", (it) => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it.effect(
      `is run by the successor of a runner that ended by ${signal} before it was answered`,
      () =>
        Effect.gen(function* () {
          yield* Note.createRuns
          const client = yield* Note.Note.client
          const first = yield* startRunner("hang")
          const key = `note-${signal}`
          const answer = yield* Effect.forkChild(client(key).Write({ key }))
          yield* until(
            "its handler began",
            Effect.map(Note.runsOf(key), (runs) => runs.length === 1)
          )
          yield* first.signal(signal)
          yield* first.exited
          const second = yield* startRunner()
          yield* until(
            "it was answered",
            Effect.sync(() => answer.pollUnsafe() !== undefined),
            "60 seconds"
          )
          const exit = answer.pollUnsafe()!
          assert.strictEqual(exit._tag === "Success" && exit.value, String(second.port))
          assert.deepStrictEqual(yield* Note.runsOf(key), [String(first.port), String(second.port)])
          assert.strictEqual(yield* client(key).Write({ key }), String(second.port))
          assert.strictEqual((yield* Note.runsOf(key)).length, 2)
        }).pipe(Effect.scoped),
      120_000
    )
  }

  it.effect(
    "waits for the first runner to come",
    () =>
      Effect.gen(function* () {
        yield* Note.createRuns
        const client = yield* Note.Note.client
        yield* client("early").Write({ key: "early" }, { discard: true })
        const { port } = yield* startRunner()
        yield* until(
          "it was run",
          Effect.map(Note.runsOf("early"), (runs) => runs.includes(String(port)))
        )
      }).pipe(Effect.scoped),
    120_000
  )
})

const single = Note.layer("embedded", false).pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement], messages: true })),
  Layer.provideMerge(Postgres.layer)
)

it.layer(single, { timeout: 120_000, excludeTestServices: true })("A stream of a plain entity", (it) => {
  it.effect(
    "arrives whole and in order, chunk by chunk",
    () =>
      Effect.gen(function* () {
        const client = yield* Note.Note.client
        const numbers = yield* Stream.runCollect(client("stream").Count({ to: 20 }))
        assert.deepStrictEqual(
          [...numbers],
          Array.from({ length: 20 }, (_, n) => n + 1)
        )
      }),
    60_000
  )
})
