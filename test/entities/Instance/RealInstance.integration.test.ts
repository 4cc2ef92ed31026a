import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer, type Scope } from "effect"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import * as MemoryPayloads from "../../../src/entities/Instance/MemoryPayloads.ts"
import * as MemoryOutputs from "../../../src/ports/MemoryOutputs.ts"
import { layer as instanceLayer } from "../../../src/entities/Instance/InstanceLayer.ts"
import { layer as sessionLayer } from "../../../src/entities/Session/SessionLayer.ts"
import { layer as driversLayer } from "../../../src/instances/InstanceDriverSet.ts"
import { runningGateway } from "../../../src/instances/process/Guardianship.ts"
import { InstanceFiles } from "../../../src/instances/process/files/InstanceFiles.ts"
import * as ProcessDriver from "../../../src/instances/ProcessDriver.ts"
import * as DemoModel from "../../../src/openclaw/demo/DemoModel.ts"
import * as GatewayClient from "../../../src/openclaw/protocol/GatewayClient.ts"
import * as OpenClawInstall from "../../../src/openclaw/install/OpenClawInstall.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { fleetOfViews, session, sessionEvents, turn } from "../Session/SessionRig.ts"
import { attempt, instance, instanceEvents, listeningLane, told } from "./InstanceRig.ts"
import { until } from "../../fixtures/Until.ts"

class Host extends Context.Service<Host, { readonly directory: string; readonly model: DemoModel.DemoModel }>()(
  "test/Host"
) {
  static readonly layer = Layer.effect(
    Host,
    Effect.gen(function* () {
      const model = yield* DemoModel.make({})
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-actors-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
      )
      return { directory, model }
    })
  )
}

const driver = Effect.gen(function* () {
  const { directory, model } = yield* Host
  const { entry, nodePath } = yield* OpenClawInstall.ensure({ directory: ".clawster/openclaw" })
  return yield* ProcessDriver.make({
    directory,
    launcher: { managed: [nodePath, entry, "gateway", "run"] },
    ports: { first: 22_100, last: 22_900, step: 20 },
    model: model.provider,
    onShutdown: "stop"
  })
})

const TestLayer = Layer.mergeAll(
  instanceLayer,
  ActorLayer.layer(listeningLane),
  sessionLayer.pipe(Layer.provide(fleetOfViews))
).pipe(
  Layer.provide(driversLayer([driver])),
  Layer.provide([GatewayClient.layer, NodeServices.layer, MemoryOutputs.layer, MemoryPayloads.layer]),
  Layer.provideMerge(Host.layer),
  Layer.provideMerge(MemoryCluster.layer),
  Layer.orDie
)

/** A killed gateway may need longer than half a minute until it serves again, where two cores do everything. */
const untilTold = (count: number) =>
  until(
    `${count} reports`,
    Effect.map(told, ({ length }) => length >= count),
    "120 seconds"
  )

const warm = Effect.gen(function* () {
  const client = yield* instance("real")
  yield* client.Register({ spec: instanceSpec("real", { driver: "process" }) })
  yield* until(
    "the gateway",
    Effect.map(client.InstanceGet(), ({ phase }) => phase === "warm"),
    "120 seconds"
  )
  return client
})

/** `real@<its registration>`. */
const folderOf = (directory: string): string =>
  readdirSync(join(directory, "instances")).find((name) => name.startsWith("real@"))!

const pidOf = (directory: string): number =>
  runningGateway(new InstanceFiles(join(directory, "instances", folderOf(directory))))!.gateway.pid

describe("Instance and Session on a real gateway", { timeout: 300_000 }, () => {
  it.live(
    "runs attempts and turns, aborts, tells a refusal, and ends a turn once that a SIGKILL cut",
    () =>
      Effect.gen(function* () {
        const { directory, model } = yield* Host
        const client = yield* warm

        yield* client.Execute({ attempt: attempt("t1", "hello [[id one]]") })
        yield* untilTold(1)
        assert.strictEqual((yield* told)[0]!.outcome!._tag, "completed")

        yield* client.Execute({ attempt: attempt("t2", "[[error 400]] hello") })
        yield* untilTold(2)
        assert.deepInclude(((yield* told)[1]!.outcome as any).error, { retryable: false })

        yield* client.Execute({ attempt: attempt("t3", "[[hang]] hello [[id three]]") })
        yield* until(
          "the model has it",
          Effect.map(model.stats, ({ byId }) => byId["three"] === 1)
        )
        yield* client.AbortAttempt({ runKey: "t3.1", origin: attempt("t3", "").origin })
        yield* untilTold(3)
        assert.strictEqual((yield* told)[2]!.outcome!._tag, "aborted")

        const chat = yield* session("s")
        yield* chat.SessionCreate({ hints: {} })
        for (const turnId of ["a", "b", "c"]) yield* chat.TurnSend(turn(turnId, `turn ${turnId} [[id ${turnId}]]`))
        yield* until(
          "the third turn",
          Effect.map(chat.SessionGet(), ({ turnsCompleted }) => turnsCompleted === 3)
        )
        const ends = (yield* sessionEvents("s")).filter(({ _tag }) => _tag === "session.turn_completed")
        assert.deepStrictEqual(
          ends.map(({ turnId }) => turnId),
          ["a", "b", "c"]
        )

        yield* client.Execute({
          attempt: attempt("t4", "[[delay 4000]] hello [[id four]]", { timeoutMillis: 120_000 })
        })
        yield* until(
          "the model has it",
          Effect.map(model.stats, ({ byId }) => byId["four"] === 1)
        )
        yield* Effect.sync(() => process.kill(pidOf(directory), "SIGKILL"))
        yield* untilTold(4)
        assert.strictEqual((yield* told)[3]!.outcome!._tag, "completed")
        assert.strictEqual((yield* model.stats).byId["four"], 1)
        const events = yield* instanceEvents("real")
        assert.isTrue(events.some(({ _tag }) => _tag === "instance.unhealthy"))
        assert.strictEqual(events.filter(({ _tag, runKey }) => _tag === "run.ended" && runKey === "t4.1").length, 1)

        yield* client.Deregister({ force: true })
        yield* until(
          "it is gone",
          Effect.map(Effect.exit(client.InstanceGet()), ({ _tag }) => _tag === "Failure")
        )
      }).pipe(Effect.provide(TestLayer as Layer.Layer<any, never, Scope.Scope>)) as Effect.Effect<void, unknown, never>
  )
})
