/** What every instance driver must do, over a driver and an environment in which it can. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, type Scope, Stream } from "effect"
import type { InstanceDriver, InstanceRef } from "../../src/instances/InstanceDriver.ts"
import type { Turn, TurnEnd, TurnProgress } from "../../src/openclaw/GatewayLink.ts"
import type { InstanceSpec } from "../../src/schema/Instance.ts"

export interface InstanceDriverEnvironment<R> {
  readonly name: string
  readonly driver: Effect.Effect<InstanceDriver, never, R | Scope.Scope>
  /** A spec of an instance that was never started. */
  readonly spec: Effect.Effect<InstanceSpec, never, R | Scope.Scope>
  /**
   * Kills the gateway of this incarnation, where the driver owns it. Absent for a remote one: `death` and `remove` are
   * skipped, and RemoteDriver.test.ts has what a remote driver tells of a gateway that restarted or went away.
   */
  readonly kill?: (ref: InstanceRef) => Effect.Effect<void, never, R>
  readonly runsCommands: boolean
  /**
   * Cases that another environment of the same driver runs instead. Beside each list is why, and which. Shown as
   * skipped.
   */
  readonly skips?: ReadonlyArray<InstanceDriverCase>
  /** Gives the case its services; its own scope ends before theirs. */
  readonly provide: <A, E>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E>
}

export type InstanceDriverCase = "turn" | "adopt" | "fence" | "stop" | "remove" | "death" | "command"

const turn = (spec: InstanceSpec, name: string, message: string): Turn => ({
  sessionKey: `agent:main:${spec.instanceId.toLowerCase()}-${name}`,
  message,
  runKey: `${spec.instanceId}-${name}`
})

const endOf = (last: Option.Option<TurnProgress>): TurnEnd => {
  const progress = Option.getOrUndefined(last)
  if (progress?._tag !== "Ended") throw new Error(`the turn ended without an end: ${progress?._tag}`)
  return progress.end
}

const graceMillis = 10_000

export const instanceDriverConformance = <R>(environment: InstanceDriverEnvironment<R>): void => {
  /** A case that is about what a driver does not have; whoever names it says there why. */
  const skips = (name: InstanceDriverCase): boolean => environment.skips?.includes(name) ?? false
  const run = <A, E>(body: Effect.Effect<A, E, R | Scope.Scope>) => environment.provide(Effect.scoped(body))
  const started = Effect.gen(function* () {
    const driver = yield* environment.driver
    const spec = yield* environment.spec
    const ref = yield* driver.start(spec, 1)
    yield* Effect.addFinalizer(() => Effect.ignore(driver.stop(spec, 1_000, { graceMillis: 1_000 })))
    return { driver, spec, ref }
  })

  describe(`InstanceDriver: ${environment.name}`, () => {
    it.live.skipIf(skips("turn"))("runs a turn once on the gateway it started, however often the turn is sent", () =>
      run(
        Effect.gen(function* () {
          const { driver, spec, ref } = yield* started
          const probe = yield* driver.probe(ref)
          assert.isTrue(probe.live && probe.started)
          const link = yield* driver.connect(spec, ref)
          yield* link.ready
          const asked = turn(spec, "once", "hello from the suite")
          assert.deepStrictEqual(yield* link.reconcile(asked), { _tag: "absent" })
          const first = endOf(yield* Stream.runLast(link.run(asked)))
          const second = endOf(yield* Stream.runLast(link.run(asked)))
          assert.strictEqual(first.status, "ok")
          assert.include(first.text, "hello from the suite")
          assert.deepStrictEqual([second.status, second.text], [first.status, first.text])
          assert.strictEqual((yield* link.reconcile(asked))._tag, "done")
          const rows = yield* link.history(asked.sessionKey, 50)
          assert.strictEqual(rows.filter((row) => row.idempotencyKey === `${asked.runKey}:user`).length, 1)
          assert.isAtMost((yield* driver.logs(spec, 5)).length, 5)
        })
      )
    )

    it.live.skipIf(skips("adopt"))(
      "adopts the gateway that already runs, also with a driver that did not start it",
      () =>
        run(
          Effect.gen(function* () {
            const { spec, ref } = yield* started
            const other = yield* environment.driver
            const again = yield* other.start(spec, 2)
            assert.isTrue(again.adopted)
            assert.strictEqual(again.incarnation, ref.incarnation)
            assert.isTrue((yield* other.probe(again)).live)
          })
        )
    )

    it.live.skipIf(skips("fence"))("refuses an owner whose epoch is older, and keeps the gateway", () =>
      run(
        Effect.gen(function* () {
          const { driver, spec, ref } = yield* started
          yield* driver.start(spec, 7)
          const start = yield* Effect.flip(driver.start(spec, 6))
          const stop = yield* Effect.flip(driver.stop(spec, 6, { graceMillis }))
          assert.strictEqual(start.reason, "StaleOwner")
          assert.strictEqual(stop.reason, "StaleOwner")
          assert.isTrue((yield* driver.probe(ref)).live)
        })
      )
    )

    it.live.skipIf(skips("stop"))(
      "tells whoever waits that the gateway was stopped, and stops again without error",
      () =>
        run(
          Effect.gen(function* () {
            const { driver, spec, ref } = yield* started
            const exit = yield* Effect.forkChild(driver.awaitExit(ref), { startImmediately: true })
            yield* driver.stop(spec, 1, { graceMillis })
            const error = yield* Effect.timeout(Fiber.join(exit), "10 seconds")
            assert.strictEqual(error.reason, "NotRunning")
            yield* driver.stop(spec, 1, { graceMillis })
            if (environment.kill !== undefined) assert.isFalse((yield* driver.probe(ref)).live)
          })
        )
    )

    const { kill } = environment
    it.live.skipIf(kill === undefined || skips("remove"))(
      "removes nothing of a gateway that runs, and all when it is stopped",
      () =>
        run(
          Effect.gen(function* () {
            const { driver, spec, ref } = yield* started
            const error = yield* Effect.flip(driver.remove(spec))
            assert.deepStrictEqual([error.reason, error.retryable], ["StateInUse", true])
            assert.isTrue((yield* driver.probe(ref)).live)
            yield* driver.stop(spec, 1, { graceMillis })
            yield* driver.remove(spec)
            assert.deepStrictEqual(yield* driver.logs(spec, 5), [])
          })
        )
    )

    it.live.skipIf(kill === undefined || skips("death"))(
      "tells of a gateway that died, and starts another incarnation",
      () =>
        run(
          Effect.gen(function* () {
            const { driver, spec, ref } = yield* started
            const exit = yield* Effect.forkChild(driver.awaitExit(ref), { startImmediately: true })
            yield* kill!(ref)
            const error = yield* Effect.timeout(Fiber.join(exit), "20 seconds")
            assert.isTrue(error.retryable)
            assert.strictEqual(error.exitCode, 137)
            const next = yield* driver.start(spec, 1)
            assert.notStrictEqual(next.incarnation, ref.incarnation)
            assert.isFalse(next.adopted)
          })
        )
    )

    it.live.skipIf(skips("command"))("runs a command in the workspace, or says that it cannot", () =>
      run(
        Effect.gen(function* () {
          const { driver, spec } = yield* started
          const result = yield* Effect.result(driver.exec(spec, ["echo", "hi"], { timeoutMillis: 5_000 }))
          if (result._tag === "Failure") assert.strictEqual(result.failure.reason, "Unsupported")
          else assert.deepStrictEqual(result.success, { exitCode: 0, stdout: "hi\n", stderr: "" })
          assert.strictEqual(result._tag === "Success", environment.runsCommands)
        })
      )
    )
  })
}
