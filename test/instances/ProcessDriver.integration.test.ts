import { afterAll, assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { sweepOne } from "../../src/entities/InstanceHost/HomeSweep.ts"
import type { InstanceReads } from "../../src/ports/InstanceReads.ts"
import type { InstanceDriver, InstanceRef } from "../../src/instances/InstanceDriver.ts"
import { InstanceFiles, type PidFile } from "../../src/instances/process/files/InstanceFiles.ts"
import { identify, isAlive } from "../../src/processes/ProcessIdentity.ts"
import type { ProcessDriverOptions } from "../../src/instances/process/ProcessDriverOptions.ts"
import * as ProcessDriver from "../../src/instances/ProcessDriver.ts"
import { GatewayConnector } from "../../src/openclaw/GatewayLink.ts"
import type { InstanceSpec, InstanceStatus } from "../../src/schema/Instance.ts"
import { instanceDriverConformance } from "../conformance/InstanceDriver.ts"
import { instanceSpec } from "../fixtures/InstanceSpecs.ts"
import { until } from "../fixtures/Until.ts"

const fakeGateway = fileURLToPath(new URL("../fixtures/servers/fakeGateway.mjs", import.meta.url))
const noLinks = Layer.succeed(GatewayConnector, { connect: () => Effect.die("the fake gateway speaks no WebSocket") })

const spec = (instanceId: string): InstanceSpec => instanceSpec(instanceId, { driver: "process" })

const command = (...args: ReadonlyArray<string>) =>
  ({ launcher: { command: [process.execPath, fakeGateway, ...args] } }) as const

type Options = Partial<ProcessDriverOptions>

/** Ports of the fake gateways of one test file run; another range than the product's. */
const ports = { first: 23_100, last: 23_900, step: 20 }

/** A host's folder, whose gateways are gone when the test ends, whatever its drivers did. */
const makeHost = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-process-"))),
  (directory) =>
    Effect.gen(function* () {
      for (const name of ["one", "one@a1", "one@a2", "two", "three", "four"]) {
        const files = new InstanceFiles(join(directory, "instances", name))
        const found = files.pidFile
        if (found !== undefined && isAlive(found.gateway)) process.kill(-found.gateway.pid, "SIGKILL")
        if (found !== undefined)
          yield* until(
            "the guardian is gone",
            Effect.sync(() => !isAlive(found.guardian))
          )
      }
      rmSync(directory, { recursive: true, force: true })
    })
)

const driverOn = (directory: string, options: Options = {}) =>
  ProcessDriver.make({ directory, ports, startupTimeoutMillis: 15_000, ...command(), ...options }).pipe(
    Effect.provide(noLinks)
  )

/** A runner whose scope the test closes by itself. */
const runnerOn = Effect.fnUntraced(function* (directory: string, options: Options = {}) {
  const scope = yield* Scope.make()
  const driver = yield* driverOn(directory, options).pipe(Scope.provide(scope))
  return { driver, shutDown: Scope.close(scope, Exit.void) }
})

const filesOf = (directory: string, instance: InstanceSpec) =>
  new InstanceFiles(join(directory, "instances", instance.instanceId))

const running = (directory: string, instance: InstanceSpec): PidFile => {
  const found = filesOf(directory, instance).pidFile
  assert.isDefined(found)
  return found!
}

const stopAll = (driver: InstanceDriver, instance: InstanceSpec) =>
  Effect.ignore(driver.stop(instance, 1_000, { graceMillis: 2_000 }))

const conformanceHost = mkdtempSync(join(tmpdir(), "clawster-process-conformance-"))
afterAll(() => rmSync(conformanceHost, { recursive: true, force: true }))

let conformanceInstances = 0
instanceDriverConformance<never>({
  name: "process (fake gateway)",
  driver: driverOn(conformanceHost),
  spec: Effect.sync(() => spec(`conformance-${(conformanceInstances += 1)}`)),
  kill: (ref: InstanceRef) => Effect.sync(() => process.kill(ref.pid!, "SIGKILL")),
  runsCommands: true,
  // The fake gateway speaks no WebSocket: RealGateway.integration.test.ts has the turn.
  skips: ["turn"],
  provide: (effect) => effect
})

/** Everything under a folder that holds the text, by name. */
const grep = (directory: string, text: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name), "utf8").includes(text))
    .map((entry) => entry.name)

describe("ProcessDriver and the registrations of an id", () => {
  const former = { ...spec("one"), registration: "a1" }
  const next = { ...spec("one"), registration: "a2" }
  const secret = "the former tenant's words"

  const leave = (files: InstanceFiles) => {
    for (const place of [files.state, files.workspace, files.home]) writeFileSync(join(place, "notes.md"), secret)
    writeFileSync(files.gatewayLog, secret)
    return files.readToken()!
  }
  const filesOfRegistration = (directory: string, { instanceId, registration }: typeof former) =>
    new InstanceFiles(join(directory, "instances", `${instanceId}@${registration}`))

  it.live("gives a second registration nothing of the first one, which is removed whole", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      yield* driver.start(former, 1)
      const token = leave(filesOfRegistration(directory, former))
      assert.include((yield* driver.logs(former, 10)).join("\n"), secret)
      const busy = yield* Effect.flip(driver.remove(former))
      assert.strictEqual(busy.reason, "StateInUse")
      yield* driver.stop(former, 1, { graceMillis: 2_000 })
      yield* driver.remove(former)
      assert.deepStrictEqual(grep(directory, secret), [])
      yield* driver.start(next, 1)
      assert.notStrictEqual(filesOfRegistration(directory, next).readToken(), token)
      assert.deepStrictEqual(grep(directory, secret), [])
      assert.deepStrictEqual(grep(directory, token), [])
      yield* stopAll(driver, next)
      yield* driver.remove(next)
      assert.deepStrictEqual(yield* driver.kept("c"), [])
    })
  )

  it.live("shows a second registration nothing even while the files of the first are still there", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      yield* driver.start(former, 1)
      leave(filesOfRegistration(directory, former))
      yield* driver.stop(former, 1, { graceMillis: 2_000 })
      yield* driver.start(next, 2)
      assert.notInclude((yield* driver.logs(next, 100)).join("\n"), secret)
      const files = filesOfRegistration(directory, next)
      assert.deepStrictEqual(grep(files.directory, secret), [])
      yield* stopAll(driver, next)
    })
  )

  it.live("finds the folders of ended registrations when its runner starts, and removes no others", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      const legacy = spec("two")
      for (const one of [former, next, legacy, spec("three")]) {
        yield* driver.start(one, 1)
        yield* stopAll(driver, one)
      }
      const views = {
        cluster: Effect.succeed("c1"),
        get: (instanceId: string) =>
          Effect.succeed(
            instanceId === "one"
              ? ({ registration: "a2" } as InstanceStatus)
              : instanceId === "two"
                ? ({} as InstanceStatus)
                : undefined
          )
      } as unknown as InstanceReads["Service"]
      const removed = yield* sweepOne(driver, views)
      assert.deepStrictEqual(
        removed.map(({ instanceId, registration }) => [instanceId, registration]),
        [
          ["one", "a1"],
          ["three", undefined]
        ]
      )
      assert.deepStrictEqual(readdirSync(join(directory, "instances")).toSorted(), ["one@a2", "two"])
      assert.deepStrictEqual(yield* sweepOne(driver, { ...views, cluster: Effect.succeed("another") }), [])
    })
  )
})

describe("ProcessDriver", () => {
  it.live("gives each instance its own folder, token, config, home and port, and none of the runner's secrets", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      process.env["CLAWSTER_TEST_SECRET"] = "secret"
      const driver = yield* driverOn(directory, { environment: { MODEL_KEY: "k" } })
      const refs = yield* Effect.forEach([spec("one"), spec("two")], (one) => driver.start(one, 1), { concurrency: 2 })
      delete process.env["CLAWSTER_TEST_SECRET"]
      assert.notStrictEqual(refs[0]!.url, refs[1]!.url)
      for (const one of [spec("one"), spec("two")]) {
        const files = filesOf(directory, one)
        const config = JSON.parse(readFileSync(files.config, "utf8"))
        assert.strictEqual(config.gateway.auth.token, files.readToken())
        assert.isAtLeast(files.readToken()!.length, 64)
        assert.strictEqual(config.agents.defaults.workspace, files.workspace)
        assert.strictEqual(config.logging.file, files.gatewayLog)
        for (const path of [files.config, join(files.directory, "token"), join(files.run, "launch.json")]) {
          assert.strictEqual(statSync(path).mode & 0o777, 0o600)
        }
        yield* until(
          "the environment is in the log",
          Effect.sync(() => readFileSync(files.consoleLog, "utf8").includes("env "))
        )
        const env = readFileSync(files.consoleLog, "utf8")
        assert.include(env, "MODEL_KEY")
        assert.notInclude(env, "CLAWSTER_TEST_SECRET")
        yield* stopAll(driver, one)
      }
      assert.notStrictEqual(filesOf(directory, spec("one")).readToken(), filesOf(directory, spec("two")).readToken())
    }).pipe(Effect.scoped)
  )

  it.live("keeps a gateway whose runner was killed for the next one, and ends it when none comes", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const runner = yield* runnerProcess(directory, "60000")
      const { gateway } = running(directory, spec("one"))
      yield* runner.kill
      const scope = yield* Scope.make()
      const next = yield* driverOn(directory, { orphanAfterMillis: 60_000 }).pipe(Scope.provide(scope))
      const adopted = yield* next.start(spec("one"), 2)
      assert.deepStrictEqual([adopted.adopted, adopted.pid], [true, gateway.pid])
      yield* next.stop(spec("one"), 2, { graceMillis: 2_000 })
      yield* Scope.close(scope, Exit.void)

      const second = yield* runnerProcess(directory, "1000", 2)
      const orphan = running(directory, spec("one"))
      yield* second.kill
      yield* until(
        "the orphan has ended",
        Effect.sync(() => !isAlive(orphan.gateway) && !isAlive(orphan.guardian))
      )
      assert.strictEqual(filesOf(directory, spec("one")).exit(orphan.incarnation)?.exitCode, 0)
    }).pipe(Effect.scoped)
  )

  it.live("adopts the gateway that a runner left, with its exit code when it ends later", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const first = yield* runnerOn(directory)
      const ref = yield* first.driver.start(spec("one"), 1)
      yield* first.shutDown
      assert.isTrue(isAlive(running(directory, spec("one")).gateway))

      const second = yield* driverOn(directory)
      const adopted = yield* second.start(spec("one"), 2)
      assert.deepStrictEqual(
        [adopted.adopted, adopted.incarnation, adopted.pid, adopted.url],
        [true, ref.incarnation, ref.pid, ref.url]
      )
      const exit = yield* Effect.forkChild(second.awaitExit(adopted), { startImmediately: true })
      process.kill(adopted.pid!, "SIGSEGV")
      assert.strictEqual((yield* Fiber.join(exit)).exitCode, 139)
      assert.strictEqual((yield* second.awaitExit(ref)).exitCode, 139)
    }).pipe(Effect.scoped)
  )

  it.live("never takes a recycled pid for its gateway", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      const files = filesOf(directory, spec("one"))
      files.makeDirectories()
      const self = identify(process.pid)!
      const stranger = { pid: self.pid, startedAt: `${self.startedAt}0` }
      writeFileSync(
        join(files.run, "process.json"),
        JSON.stringify({ incarnation: "old", port: 23_100, guardian: stranger, gateway: stranger })
      )
      const ref = yield* driver.start(spec("one"), 1)
      assert.isFalse(ref.adopted)
      assert.notStrictEqual(ref.pid, process.pid)
      yield* stopAll(driver, spec("one"))
    }).pipe(Effect.scoped)
  )

  it.live("ends a gateway that its runner renews no more, though that runner lives, and starts it anew", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const { driver } = yield* runnerOn(directory, { orphanAfterMillis: 1_500 })
      const ref = yield* driver.start(spec("one"), 1)
      assert.strictEqual(ref.lifelineMillis, 5_500)
      const before = running(directory, spec("one"))
      const lease = join(filesOf(directory, spec("one")).run, "lease")
      const launchedAt = statSync(lease).mtimeMs
      yield* until(
        "the lease was renewed twice as long",
        Effect.andThen(
          driver.renew(spec("one"), 1),
          Effect.sync(() => statSync(lease).mtimeMs > launchedAt + 3_000)
        )
      )
      assert.isTrue(isAlive(before.gateway))
      yield* until(
        "the orphan has ended",
        Effect.andThen(
          driver.renew(spec("one"), 0),
          Effect.sync(() => !isAlive(before.gateway) && !isAlive(before.guardian))
        )
      )
      const second = yield* driverOn(directory)
      const next = yield* second.start(spec("one"), 2)
      assert.isFalse(next.adopted)
      assert.notStrictEqual(next.incarnation, ref.incarnation)
      yield* stopAll(second, spec("one"))
    }).pipe(Effect.scoped)
  )

  it.live("keeps a gateway that was left idle, until another owner comes", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const first = yield* runnerOn(directory, { orphanAfterMillis: 1_500 })
      yield* first.driver.start(spec("one"), 1)
      const { gateway } = running(directory, spec("one"))
      yield* first.driver.leave(spec("one"), 1)
      const lease = join(filesOf(directory, spec("one")).run, "lease")
      const leftAt = statSync(lease).mtimeMs
      yield* until(
        "the lease was renewed twice as long",
        Effect.sync(() => statSync(lease).mtimeMs > leftAt + 3_000)
      )
      assert.isTrue(isAlive(gateway))
      const next = yield* driverOn(directory, { orphanAfterMillis: 1_500 })
      assert.isTrue((yield* next.start(spec("one"), 2)).adopted)
      yield* until(
        "it has ended, since its next owner does not renew it",
        Effect.sync(() => !isAlive(gateway))
      )
    }).pipe(Effect.scoped)
  )

  it.live("ends a gateway that lost its guardian, and starts another", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      const ref = yield* driver.start(spec("one"), 1)
      const before = running(directory, spec("one"))
      const exit = yield* Effect.forkChild(driver.awaitExit(ref), { startImmediately: true })
      process.kill(before.guardian.pid, "SIGKILL")
      assert.include((yield* Fiber.join(exit)).message, "guardian")
      const next = yield* driver.start(spec("one"), 1)
      assert.isFalse(next.adopted)
      assert.isFalse(isAlive(before.gateway))
      yield* stopAll(driver, spec("one"))
    }).pipe(Effect.scoped)
  )

  it.live("stops its gateways with the runner when it is told to", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const runner = yield* runnerOn(directory, { onShutdown: "stop", shutdownGraceMillis: 3_000 })
      yield* runner.driver.start(spec("one"), 1)
      const before = running(directory, spec("one"))
      yield* runner.shutDown
      assert.isFalse(isAlive(before.gateway))
    }).pipe(Effect.scoped)
  )

  it.live("kills a gateway that ignores SIGTERM after the grace, with all of its children", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const childFile = join(directory, "child")
      const driver = yield* driverOn(directory, command("--ignore-sigterm", "--child", childFile))
      const ref = yield* driver.start(spec("one"), 1)
      const child = identify(Number(readFileSync(childFile, "utf8")))!
      const exit = yield* Effect.forkChild(driver.awaitExit(ref), { startImmediately: true })
      yield* driver.stop(spec("one"), 1, { graceMillis: 300 })
      assert.strictEqual((yield* Fiber.join(exit)).exitCode, 137)
      assert.include(readFileSync(filesOf(directory, spec("one")).consoleLog, "utf8"), "SIGTERM")
      yield* until(
        "the child is gone",
        Effect.sync(() => !isAlive(child))
      )
    }).pipe(Effect.scoped)
  )

  it.live("leaves no child process of a gateway that ends by itself", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const childFile = join(directory, "child")
      const driver = yield* driverOn(directory, command("--child", childFile))
      const ref = yield* driver.start(spec("one"), 1)
      const child = identify(Number(readFileSync(childFile, "utf8")))!
      process.kill(ref.pid!, "SIGTERM")
      assert.strictEqual((yield* driver.awaitExit(ref)).exitCode, 0)
      yield* until(
        "the child is gone",
        Effect.sync(() => !isAlive(child))
      )
    }).pipe(Effect.scoped)
  )

  it.live("understands why a gateway did not start, and leaves nothing running", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const failure = Effect.fnUntraced(function* (startupTimeoutMillis: number, ...args: ReadonlyArray<string>) {
        const driver = yield* driverOn(directory, { ...command(...args), startupTimeoutMillis })
        const error = yield* Effect.flip(driver.start(spec("one"), 1))
        assert.isUndefined(filesOf(directory, spec("one")).pidFile)
        return error
      })
      const refused = yield* failure(20_000, "--exit", "78", "--say", "Invalid config: gateway.mode")
      assert.deepStrictEqual([refused.reason, refused.retryable, refused.exitCode], ["ConfigurationRefused", false, 78])
      assert.include(refused.message, "gateway.mode")
      assert.strictEqual(
        (yield* failure(20_000, "--exit", "78", "--say", "another OpenClaw process owns gateway-lifecycle")).reason,
        "StateInUse"
      )
      assert.strictEqual((yield* failure(20_000, "--exit", "1", "--say", "listen EADDRINUSE")).reason, "PortInUse")
      const earlierLines = yield* failure(20_000, "--exit", "1", "--say", "something else")
      assert.strictEqual(earlierLines.reason, "LaunchFailed", "what an earlier launch wrote is not this one's reason")
      const crashed = yield* failure(20_000, "--exit", "3", "--say", "no such module")
      assert.deepStrictEqual([crashed.reason, crashed.exitCode], ["LaunchFailed", 3])
      assert.include(crashed.message, "no such module")
      assert.strictEqual((yield* failure(1_500, "--never-started")).reason, "StartupTimeout")
      const patient = yield* driverOn(directory, { ...command("--never-started"), startupTimeoutMillis: 600_000 })
      const own = { ...spec("one"), supervision: { startupMillis: 1_000 } }
      assert.strictEqual((yield* Effect.flip(patient.start(own, 1))).reason, "StartupTimeout")
      const missing = yield* driverOn(directory, { launcher: { command: ["/nowhere/openclaw"] } })
      const absent = yield* Effect.flip(missing.start(spec("one"), 1))
      assert.deepStrictEqual([absent.reason, absent.exitCode], ["LaunchFailed", 127])
      const nothing = yield* driverOn(directory, { launcher: { path: "/nowhere" } })
      assert.include((yield* Effect.flip(nothing.start(spec("one"), 1))).message, "no launcher was found")
    }).pipe(Effect.scoped)
  )

  it.live("leaves nothing running when a start is interrupted", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory, command("--never-started"))
      const start = yield* Effect.forkChild(driver.start(spec("one"), 1), { startImmediately: true })
      yield* until(
        "it was launched",
        Effect.sync(() => filesOf(directory, spec("one")).pidFile !== undefined)
      )
      const launched = running(directory, spec("one"))
      yield* Fiber.interrupt(start)
      assert.isFalse(isAlive(launched.gateway))
      assert.isFalse(existsSync(join(directory, "ports", String(launched.port))))
    }).pipe(Effect.scoped)
  )

  it.live("tries the next launcher when one does not start a gateway", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const script = (name: string, body: string) =>
        writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
      script("openclawd", "exit 9")
      script("openclaw", `exec "${process.execPath}" "${fakeGateway}" "$@"`)
      const driver = yield* driverOn(directory, { launcher: { path: directory } })
      const ref = yield* driver.start(spec("one"), 1)
      assert.isTrue((yield* driver.probe(ref)).started)
      assert.strictEqual(filesOf(directory, spec("one")).launch?.command[0], join(directory, "openclaw"))
      yield* stopAll(driver, spec("one"))
    }).pipe(Effect.scoped)
  )

  it.live("gives two runners of a host different ports, and passes by a port in use", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const range = { first: 24_100, last: 24_180, step: 20 }
      yield* listenOn(24_100)
      const runners = yield* Effect.all([driverOn(directory, { ports: range }), driverOn(directory, { ports: range })])
      const instances = ["one", "two", "three", "four"].map(spec)
      const refs = yield* Effect.forEach(instances, (one, index) => runners[index % 2]!.start(one, 1), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        refs.map((ref) => ref.url).toSorted(),
        [24_120, 24_140, 24_160, 24_180].map((port) => `ws://127.0.0.1:${port}/`)
      )
      const full = yield* Effect.flip(runners[0]!.start(spec("five"), 1))
      assert.deepStrictEqual([full.reason, full.retryable], ["PortInUse", true])
      yield* runners[0]!.stop(spec("two"), 1, { graceMillis: 2_000 })
      const freed = yield* runners[0]!.start(spec("five"), 1)
      assert.strictEqual(freed.url, refs[1]!.url)
      yield* Effect.forEach([...instances, spec("five")], (one) => stopAll(runners[0]!, one), { concurrency: 5 })
    }).pipe(Effect.scoped)
  )

  it.live("starts no more gateways at once than it is allowed to", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const options = { ...command("--never-started"), startConcurrency: 1, startupTimeoutMillis: 800 }
      const driver = yield* driverOn(directory, options)
      yield* Effect.all(
        [spec("one"), spec("two")].map((one) => Effect.flip(driver.start(one, 1))),
        { concurrency: 2 }
      )
      const times = [spec("one"), spec("two")].map((one) => {
        const files = filesOf(directory, one)
        const exit = join(files.run, "exits", `${files.launch!.incarnation}.json`)
        return { launched: statSync(join(files.run, "launch.json")).mtimeMs, ended: statSync(exit).mtimeMs }
      })
      const [first, second] = times.toSorted((left, right) => left.launched - right.launched)
      assert.isAtLeast(second!.launched, first!.ended)
    }).pipe(Effect.scoped)
  )

  it.live("keeps the epoch across runners, so that a stale one can neither start nor stop", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const stale = yield* driverOn(directory)
      const owner = yield* driverOn(directory)
      yield* stale.start(spec("one"), 3)
      const ref = yield* owner.start(spec("one"), 4)
      assert.strictEqual((yield* Effect.flip(stale.stop(spec("one"), 3, { graceMillis: 100 }))).reason, "StaleOwner")
      assert.strictEqual((yield* Effect.flip(stale.start(spec("one"), 3))).reason, "StaleOwner")
      assert.isTrue((yield* owner.probe(ref)).started)
      yield* stopAll(owner, spec("one"))
    }).pipe(Effect.scoped)
  )

  it.live("runs a command with bounded time and output, and reports memory and logs", () =>
    Effect.gen(function* () {
      const directory = yield* makeHost
      const driver = yield* driverOn(directory)
      assert.strictEqual(
        (yield* Effect.flip(driver.exec(spec("one"), ["true"], { timeoutMillis: 1_000 }))).reason,
        "NotRunning"
      )
      const ref = yield* driver.start(spec("one"), 1)
      const slow = yield* driver.exec(spec("one"), ["sleep", "60"], { timeoutMillis: 200 })
      assert.strictEqual(slow.exitCode, 124)
      const long = yield* driver.exec(spec("one"), ["sh", "-c", "yes | head -c 3000000; exit 5"], {
        timeoutMillis: 9_000
      })
      assert.deepStrictEqual([long.exitCode, long.stdout.length], [5, 1_048_576])
      assert.strictEqual((yield* driver.exec(spec("one"), ["no-such-program"], { timeoutMillis: 900 })).exitCode, 127)
      assert.deepStrictEqual(yield* driver.logs(spec("one"), 1), ["ready"])
      const metrics = yield* driver.metrics(ref)
      assert.isAbove(metrics.rssBytes!, 10_000_000)
      assert.isAbove(metrics.uptimeMillis!, 0)
      yield* stopAll(driver, spec("one"))
    }).pipe(Effect.scoped)
  )
})

/** A runner in a process of its own, that has started the instance `one`. */
const runnerProcess = Effect.fnUntraced(function* (directory: string, orphanAfterMillis: string, epoch = 1) {
  const script = fileURLToPath(new URL("../fixtures/processes/processRunner.ts", import.meta.url))
  const child = spawn(process.execPath, [script, directory, "23100", orphanAfterMillis, String(epoch)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const kill = Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })
  yield* Effect.addFinalizer(() => kill)
  yield* Effect.callback<void>((resume) => void child.stdout.once("data", () => resume(Effect.void))).pipe(
    Effect.timeout("20 seconds")
  )
  return { kill }
})

const listenOn = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer().listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )
