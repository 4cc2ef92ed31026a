import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { giveUpAfterMillis, LostInstances } from "../../../src/entities/routing/LostInstances.ts"
import { InstanceId } from "../../../src/schema/Ids.ts"
import { instanceStatus } from "../../fixtures/Fleet.ts"

const a = InstanceId.make("a")
const well = [instanceStatus("a"), instanceStatus("b")]
const ill = [instanceStatus("a", { health: "unknown", reason: "its machine is gone" }), instanceStatus("b")]
const without = [instanceStatus("b")]

/** Reads the fleet every second, from and to these seconds. */
const read = (lost: LostInstances, fleet: typeof well, from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from + 1 }, (_, n) => (from + n) * 1_000),
    (at) => lost.note(fleet, at),
    { discard: true }
  )

const bound = giveUpAfterMillis / 1_000

describe("Lost instances", () => {
  it.effect("are those that were unknown for the whole bound, and no longer when they are heard again", () =>
    Effect.gen(function* () {
      const lost = new LostInstances()
      yield* read(lost, well, 0, 5)
      yield* read(lost, ill, 6, 6 + bound - 1)
      assert.isUndefined(lost.reasonOf(a))
      yield* read(lost, ill, 6 + bound, 6 + bound)
      assert.strictEqual(lost.reasonOf(a), "its machine is gone")
      yield* read(lost, well, 7 + bound, 7 + bound)
      assert.isUndefined(lost.reasonOf(a))
    })
  )

  it.effect("are none after a time in which the fleet could not be read, however old it looks then", () =>
    Effect.gen(function* () {
      const lost = new LostInstances()
      yield* read(lost, ill, 0, bound - 1)
      yield* read(lost, ill, 100, 100 + bound - 1)
      assert.isUndefined(lost.reasonOf(a))
      yield* read(lost, well, 112, 120)
      assert.isUndefined(lost.reasonOf(a))
    })
  )

  it.effect("are those that left the fleet, also when nobody here ever saw them in it", () =>
    Effect.gen(function* () {
      const lost = new LostInstances()
      yield* read(lost, well, 0, 2)
      yield* read(lost, without, 3, 3 + bound)
      assert.match(lost.reasonOf(a)!, /not registered/)
      const fresh = new LostInstances()
      assert.isUndefined(fresh.reasonOf(a))
      yield* read(fresh, without, 0, bound)
      assert.match(fresh.reasonOf(a)!, /not registered/)
    })
  )

  it.effect("wake who waits for a change, and nobody while nothing changes", () =>
    Effect.gen(function* () {
      const lost = new LostInstances()
      const waiting = yield* Effect.forkChild(lost.laterThan(lost.revision))
      yield* read(lost, ill, 0, bound - 1)
      assert.isUndefined(waiting.pollUnsafe())
      yield* read(lost, ill, bound, bound)
      yield* Fiber.join(waiting)
    })
  )
})
