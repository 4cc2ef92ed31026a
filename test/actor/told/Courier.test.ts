import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch } from "effect"
import { TestClock } from "effect/testing"
import type { Outgoing } from "../../../src/actor/Actor.ts"
import { unavailable } from "../../../src/actor/commit/CommandBatch.ts"
import { Courier, type TellTo } from "../../../src/actor/told/Courier.ts"
import { ToldQueue, toldMost } from "../../../src/actor/told/ToldQueue.ts"

const message = (entityId: string, payload: unknown, isWanted: (state: any) => boolean = () => true): Outgoing => ({
  entityType: "Case",
  entityId,
  tag: "Do",
  payload,
  encode: (value) => value,
  told: { isWanted }
})

/** A courier whose deliveries are recorded once `tell` has let them pass. */
const courier = (tell: () => Effect.Effect<void, unknown> = () => Effect.void, state: () => unknown = () => 0) => {
  const heard: Array<string> = []
  let rests = 0
  const record: TellTo = ({ entityId }, messages) =>
    tell().pipe(
      Effect.mapError(() => unavailable("Moving", "away")),
      Effect.andThen(Effect.sync(() => void heard.push(`${entityId}:${messages.map((one) => one.payload).join("")}`)))
    )
  const made = new Courier(record, state, () => rests++)
  const offer = (...messages: ReadonlyArray<Outgoing>) =>
    Effect.forEach(made.offer(messages), (delivery) => Effect.forkChild(delivery), { discard: true }).pipe(
      Effect.andThen(TestClock.adjust(1))
    )
  return { heard, offer, rests: () => rests, isBusy: () => made.busy }
}

describe("A courier", () => {
  it.effect("has one delivery in flight to each receiver, and tells what came meanwhile with the next one", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make()
      const { heard, isBusy, offer, rests } = courier(() => gate.await)
      yield* offer(message("a", 1), message("b", 1))
      yield* offer(message("a", 2), message("a", 3))
      assert.deepStrictEqual([heard, isBusy(), rests()], [[], true, 0])
      yield* gate.open
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(heard.toSorted(), ["a:1", "a:23", "b:1"])
      assert.deepStrictEqual([isBusy(), rests()], [false, 1])
    })
  )

  it.effect("tells again, in order, what could not be heard", () =>
    Effect.gen(function* () {
      let failures = 2
      const { heard, offer } = courier(() => (failures-- > 0 ? Effect.fail("away") : Effect.void))
      yield* offer(message("a", 1), message("a", 2))
      assert.deepStrictEqual(heard, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, ["a:12"])
    })
  )

  it.effect("stops telling what the state no longer wants", () =>
    Effect.gen(function* () {
      let state = 1
      const { heard, isBusy, offer } = courier(
        () => (state === 1 ? Effect.fail("away") : Effect.void),
        () => state
      )
      yield* offer(
        message("a", 1, (now) => now === 1),
        message("a", 2)
      )
      state = 2
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([heard, isBusy()], [["a:2"], false])
    })
  )

  it("holds a bounded number of messages for one receiver", () => {
    const queue = new ToldQueue(message("a", 0))
    for (let n = 0; n < toldMost; n++) assert.isTrue(queue.offer(message("a", n)))
    assert.isFalse(queue.offer(message("a", 0)))
    assert.strictEqual(queue.next(0).length, 256)
  })
})
