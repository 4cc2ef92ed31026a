import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { InstanceId } from "../../../src/schema/Ids.ts"
import * as Database from "../../../src/shards/Database.ts"
import * as InstanceIdLock from "../../../src/shards/journal/InstanceIdLock.ts"
import { TestPostgres } from "../../fixtures/servers/Postgres.ts"

layer(TestPostgres.layer, { timeout: 120_000, excludeTestServices: true })("registrations of one instance id", (it) => {
  it.effect("run one at a time over all gateway processes, and others go on meanwhile", () =>
    Effect.gen(function* () {
      const { url } = yield* TestPostgres
      const process = Effect.flatMap(Layer.build(Layer.fresh(Database.layer({ url }))), (pool) =>
        Effect.provide(InstanceIdLock.make, pool)
      )
      const [first, second] = yield* Effect.all([process, process])
      let inside = 0
      let most = 0
      const register = (lock: InstanceIdLock.InstanceIdLock, id: string) =>
        lock.hold(
          InstanceId.make(id),
          Effect.gen(function* () {
            most = Math.max(most, (inside += 1))
            yield* Effect.sleep("30 millis")
            inside -= 1
          })
        )
      yield* Effect.all(
        [1, 2, 3].flatMap(() => [register(first, "one"), register(second, "one")]),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(most, 1)
      const held = yield* Effect.forkChild(first.hold(InstanceId.make("one"), Effect.never))
      assert.strictEqual(yield* second.hold(InstanceId.make("two"), Effect.succeed("done")), "done")
      yield* Fiber.interrupt(held)
      assert.strictEqual(yield* second.hold(InstanceId.make("one"), Effect.succeed("free")), "free")
    }).pipe(Effect.scoped)
  )
})
