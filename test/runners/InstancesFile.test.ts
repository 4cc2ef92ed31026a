import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as DeclaredInstances from "../../src/gateway/service/instances/DeclaredInstances.ts"
import { Instances } from "../../src/gateway/service/instances/Instances.ts"
import * as InstancesFile from "../../src/runners/InstancesFile.ts"
import { layer as gateway, Tokens, untilAnswered, Web } from "../gateway/GatewayRig.ts"

const written = Effect.fnUntraced(function* (text: string) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const file = join(directory, "instances.yaml")
  writeFileSync(file, text)
  return file
})

const read = (text: string) => Effect.scoped(Effect.flatMap(written(text), InstancesFile.read))
const wrong = (text: string) => Effect.map(Effect.flip(read(text)), ({ message }) => message)

describe("the file that declares instances", () => {
  it.effect("is a list, or an object, in YAML or JSON", () =>
    Effect.gen(function* () {
      const yaml = yield* read("- instanceId: a\n  driver: simulated\n- instanceId: b\n  driver: process\n")
      const json = yield* read(`{"instances": [{"instanceId": "a", "driver": "simulated"}], "prune": true}`)
      assert.deepStrictEqual(
        yaml.instances.map(({ instanceId }) => instanceId as string),
        ["a", "b"]
      )
      assert.deepStrictEqual([json.instances.length, json.prune], [1, true])
    })
  )

  it.effect("is told what is wrong in it, field by field, with the line", () =>
    Effect.gen(function* () {
      assert.match(yield* wrong("- instanceId: a\n  driver: simulatd\n"), /line 2: \[0\]\.driver: expected/)
      assert.match(yield* wrong("- driver: simulated\n"), /line 1: \[0\]\.instanceId: expected a value/)
      assert.match(
        yield* wrong("instances:\n  - instanceId: a\n    driver: simulated\n    colour: red\n"),
        /line 4: instances\[0\]\.colour/
      )
      assert.match(yield* wrong("- instanceId: a\n  driver: remote\n"), /\[0\]\.endpoint: expected url and token/)
      assert.match(
        yield* wrong("- instanceId: a\n  driver: process\n  resourceLimits:\n    maxDiskGB: 3\n"),
        /line 4: \[0\]\.resourceLimits\.maxDiskGB: expected nothing/
      )
      assert.match(
        yield* wrong("- {instanceId: a, driver: process}\n- {instanceId: a, driver: process}\n"),
        /line 2: \[1\]\.instanceId: expected an id of its own/
      )
      assert.match(yield* wrong("- instanceId: [a\n"), /line \d: /)
      assert.match(yield* wrong("just words\n"), /line 1/)
      const missing = yield* Effect.flip(InstancesFile.read("/nowhere/instances.yaml"))
      assert.match(missing.message, /ENOENT/)
    })
  )
})

const cluster = Instances.layer.pipe(Layer.provideMerge(gateway))

const declared = (text: string) =>
  Effect.flatMap(read(text), (declaration) =>
    Effect.map(DeclaredInstances.apply(declaration), (outcomes) =>
      Object.fromEntries(outcomes.map(({ detail, instanceId, outcome }) => [instanceId, [outcome, detail]]))
    )
  )

describe("declared instances", () => {
  it.live("are registered once, changed in place when the file changes, and left alone when it does not", () =>
    Effect.gen(function* () {
      const web = yield* Web
      const { operator: token } = yield* Tokens
      const first = "- instanceId: a\n  driver: simulated\n  region: eu\n  capabilities: [coding]\n"
      assert.deepStrictEqual(yield* declared(first), { a: ["registered", undefined] })
      yield* untilAnswered(web.send("GET", "/api/v1/instances/a", { token }), ({ body }) => body.phase === "warm")
      assert.deepStrictEqual(yield* declared(first), { a: ["unchanged", undefined] })
      const second =
        "- instanceId: a\n  driver: simulated\n  maxConcurrentTasks: 7\n- instanceId: b\n  driver: simulated\n"
      const outcomes = yield* declared(second)
      assert.strictEqual(outcomes["a"]![0], "changed")
      assert.match(outcomes["a"]![1]!, /capabilities \(now\)/)
      assert.strictEqual(outcomes["b"]![0], "registered")
      const { body } = yield* web.send("GET", "/api/v1/instances/a", { token })
      assert.deepStrictEqual([body.maxConcurrentTasks, body.region, body.capabilities], [7, undefined, []])
    }).pipe(Effect.provide(cluster))
  )

  it.live(
    "are told when they are gone from the file, and removed only where it says so; one refused stops no other",
    () =>
      Effect.gen(function* () {
        const web = yield* Web
        const { operator: token } = yield* Tokens
        yield* declared("- {instanceId: a, driver: simulated}\n- {instanceId: b, driver: simulated}\n")
        for (const id of ["a", "b"]) {
          yield* untilAnswered(
            web.send("GET", `/api/v1/instances/${id}`, { token }),
            ({ body }) => body.phase === "warm"
          )
        }
        assert.deepStrictEqual((yield* declared("- {instanceId: a, driver: simulated}\n"))["b"], [
          "undeclared",
          undefined
        ])
        const moved = yield* declared("- {instanceId: a, driver: process}\n- {instanceId: c, driver: simulated}\n")
        assert.strictEqual(moved["a"]![0], "refused")
        assert.match(moved["a"]![1]!, /driver of instance a cannot be changed/)
        assert.strictEqual(moved["c"]![0], "registered")
        const pruned = yield* declared("prune: true\ninstances: [{instanceId: a, driver: simulated}]\n")
        assert.deepStrictEqual(pruned["b"], ["removed", undefined])
        yield* untilAnswered(web.send("GET", "/api/v1/instances/b", { token }), ({ status }) => status === 404)
      }).pipe(Effect.provide(cluster))
  )
})
