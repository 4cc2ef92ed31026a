import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { giveUpAfterMillis, LostInstances } from "../../../src/entities/routing/LostInstances.ts"
import { silentReason } from "../../../src/schema/instance/Liveness.ts"
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
      assert.isUndefined(fresh.reasonOf(a), "its gateway may have the longest lifeline of all")
      yield* read(fresh, without, bound + 1, 75)
      assert.match(fresh.reasonOf(a)!, /not registered/)
    })
  )

  it.effect("are given up when their gateway has certainly ended, from when its runner was last seen alive", () =>
    Effect.gen(function* () {
      const lifelineMillis = 16_000
      const fleetOf = (reason?: string) => [
        instanceStatus("a", { driver: "process", lifelineMillis, ...(reason && { health: "unknown", reason }) })
      ]
      const unserved = new LostInstances()
      yield* read(unserved, fleetOf(), 0, 9)
      yield* read(unserved, fleetOf("its machine is gone"), 10, 27)
      assert.isUndefined(unserved.reasonOf(a))
      yield* read(unserved, fleetOf("its machine is gone"), 28, 28)
      assert.isDefined(unserved.reasonOf(a))
      const silent = new LostInstances()
      yield* read(silent, fleetOf(), 0, 9)
      yield* read(silent, fleetOf(silentReason), 10, 20)
      assert.isUndefined(silent.reasonOf(a))
      yield* read(silent, fleetOf(silentReason), 21, 21)
      assert.isDefined(silent.reasonOf(a), "it was silent for 7.5 s when it was called so")
      const gone = new LostInstances()
      yield* read(gone, fleetOf(), 0, 9)
      yield* read(gone, [], 10, 27)
      assert.isUndefined(gone.reasonOf(a))
      yield* read(gone, [], 28, 28)
      assert.isDefined(gone.reasonOf(a))
    })
  )

  it.effect("are never those of a remote gateway that is to be waited for", () =>
    Effect.gen(function* () {
      const fleetOf = (whenAway: "retry" | "wait") => [
        instanceStatus("a", {
          driver: "remote",
          health: "unknown",
          reason: "its machine is gone",
          supervision: { whenAway }
        })
      ]
      const waiting = new LostInstances()
      yield* read(waiting, fleetOf("wait"), 0, 600)
      assert.isUndefined(waiting.reasonOf(a))
      const retrying = new LostInstances()
      yield* read(retrying, fleetOf("retry"), 0, bound)
      assert.isDefined(retrying.reasonOf(a))
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
