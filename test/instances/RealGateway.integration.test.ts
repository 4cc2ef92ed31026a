import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Fiber, Layer, Option, Redacted, Stream } from "effect"
import { InstanceFiles } from "../../src/instances/process/files/InstanceFiles.ts"
import type { ProcessDriverOptions } from "../../src/instances/process/ProcessDriverOptions.ts"
import * as ProcessDriver from "../../src/instances/ProcessDriver.ts"
import * as RemoteDriver from "../../src/instances/RemoteDriver.ts"
import * as DemoModel from "../../src/openclaw/demo/DemoModel.ts"
import * as GatewayClient from "../../src/openclaw/protocol/GatewayClient.ts"
import type { GatewayConnector } from "../../src/openclaw/GatewayLink.ts"
import * as OpenClawInstall from "../../src/openclaw/install/OpenClawInstall.ts"
import type { InstanceSpec } from "../../src/schema/Instance.ts"
import { instanceDriverConformance } from "../conformance/InstanceDriver.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"

/** The managed OpenClaw, a demo model, and a folder for instances that is removed afterwards. */
class RealHost extends Context.Service<
  RealHost,
  {
    readonly directory: string
    readonly options: ProcessDriverOptions
    readonly model: DemoModel.DemoModel
  }
>()("test/RealHost") {
  static readonly layer = Layer.effect(
    RealHost,
    Effect.gen(function* () {
      const { entry, nodePath } = yield* OpenClawInstall.ensure({ directory: ".clawster/openclaw" })
      const model = yield* DemoModel.make({})
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-real-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
      )
      const options: ProcessDriverOptions = {
        orphanAfterMillis: 600_000,
        directory,
        launcher: { managed: [nodePath, entry, "gateway", "run"] },
        ports: { first: 21_100, last: 21_900, step: 20 },
        model: model.provider,
        onShutdown: "stop"
      }
      return { directory, options, model }
    })
  ).pipe(Layer.provide(NodeServices.layer), Layer.orDie)
}

const processDriver = Effect.flatMap(RealHost, ({ options }) => ProcessDriver.make(options))

const processSpec = (name: string): InstanceSpec => instanceSpec(name, { driver: "process" })

const TestLayer = Layer.merge(RealHost.layer, GatewayClient.layer)

let instances = 0
const freshName = Effect.sync(() => `real-${(instances += 1)}`)

describe("the real gateway", { timeout: 180_000 }, () => {
  instanceDriverConformance<RealHost | GatewayConnector>({
    name: "process (OpenClaw)",
    driver: processDriver,
    spec: Effect.map(freshName, processSpec),
    kill: (ref) => Effect.sync(() => process.kill(ref.pid!, "SIGKILL")),
    runsCommands: true,
    // A real gateway takes seconds to start. These are about its process only: ProcessDriver.integration.test.ts, on a
    // fake one.
    skips: ["adopt", "fence", "command"],
    provide: Effect.provide(TestLayer)
  })

  instanceDriverConformance<RealHost | GatewayConnector>({
    name: "remote (OpenClaw)",
    driver: RemoteDriver.make(),
    spec: Effect.gen(function* () {
      const { directory } = yield* RealHost
      const name = yield* freshName
      const owner = yield* processDriver
      const ref = yield* Effect.orDie(owner.start(processSpec(name), 1))
      const token = new InstanceFiles(join(directory, "instances", name)).readToken()!
      return instanceSpec(name, { driver: "remote", endpoint: { url: ref.url, token: Redacted.make(token) } })
    }),
    runsCommands: false,
    // A real gateway takes seconds to start. These are about the driver only: RemoteDriver.test.ts, on a simulated one.
    skips: ["adopt", "fence", "stop", "command"],
    provide: Effect.provide(TestLayer)
  })

  it.live("runs a turn on the model, tells a wrong token, a second owner of its state and a taken port", () =>
    Effect.gen(function* () {
      const { directory, model, options } = yield* RealHost
      const driver = yield* processDriver
      const spec = processSpec(yield* freshName)
      const ref = yield* driver.start(spec, 1)
      const link = yield* driver.connect(spec, ref)
      const ended = yield* Stream.runLast(
        link.run({ sessionKey: "agent:main:demo", message: "hello [[id counted]]", runKey: "demo-1" })
      )
      const last = Option.getOrThrow(ended)
      assert.strictEqual(last._tag === "Ended" ? last.end.status : last._tag, "ok")
      assert.strictEqual((yield* model.stats).byId["counted"], 1)
      assert.isAbove((yield* driver.metrics(ref)).rssBytes!, 200_000_000)
      assert.isNotEmpty(yield* driver.logs(spec, 5))

      const remote = yield* RemoteDriver.make()
      const wrong = yield* Effect.flip(
        remote.start(
          instanceSpec("wrong", { driver: "remote", endpoint: { url: ref.url, token: Redacted.make("wrong") } }),
          1
        )
      )
      assert.strictEqual(wrong.reason, "ConfigurationRefused")
      assert.include(wrong.message, "token")

      const files = new InstanceFiles(join(directory, "instances", spec.instanceId))
      const config = JSON.parse(readFileSync(files.config, "utf8"))
      const [program, ...args] = options.launcher.managed!
      const sameState = yield* ProcessDriver.make({
        ...options,
        launcher: { command: ["env", `OPENCLAW_STATE_DIR=${files.state}`, program, ...args] }
      })
      const samePort = yield* ProcessDriver.make({
        ...options,
        launcher: { command: [program, ...args, "--port", String(config.gateway.port)] }
      })
      const failures = yield* Effect.forEach(
        [
          [sameState, "second"],
          [samePort, "third"]
        ] as const,
        ([other, name]) => Effect.forkChild(Effect.flip(other.start(processSpec(name), 1)))
      )
      const reasons = yield* Effect.forEach(failures, (fiber) => Effect.map(Fiber.join(fiber), ({ reason }) => reason))
      assert.deepStrictEqual(reasons, ["StateInUse", "PortInUse"])
      yield* driver.stop(spec, 1, { graceMillis: 10_000 })
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
