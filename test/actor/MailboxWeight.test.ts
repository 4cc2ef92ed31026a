import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type Mail, Mailbox, mailWeight } from "../../src/actor/runtime/Mailbox.ts"
import { ActivationDirectory } from "../../src/actor/runtime/ActivationDirectory.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

/** A tenth of what may wait. */
const long = "x".repeat(mailWeight / 10)

/** A counter that is in memory, and a way to ask it that shows each answer. */
const resident = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  const counter = (yield* ActorClient.make(Counter))("a")
  yield* counter.Add({ by: 1 })
  const residence = (yield* ActivationDirectory).find("TestCounter", "a")!
  const answers: Array<Exit.Exit<unknown, unknown>> = []
  const ask = (tag: string, payload: unknown, requestId: string): void => {
    const resume = (answer: Exit.Exit<unknown, unknown>) => answers.push(answer)
    assert.isTrue(residence.ask({ tag, payload, requestId, fingerprint: null, again: false, resume }))
  }
  const answered = Effect.fnUntraced(function* (count: number) {
    for (let step = 0; step < 100 && answers.length < count; step++) yield* TestClock.adjust(10)
    assert.strictEqual(answers.length, count)
  })
  return { answers, ask, answered }
})

const isRefusal = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => reason._tag === "Fail" && (reason.error as { readonly _tag: string })._tag === "ActorUnavailable"
  )

describe("Mail that an actor has not decided yet", () => {
  it.effect("is taken up to a weight; a request beyond it is refused at once, and is taken when it is sent again", () =>
    Effect.gen(function* () {
      const { answers, ask, answered } = yield* resident
      for (let n = 0; n < 15; n++) ask("Work", { job: `${n}${long}` }, `request-${n}`)
      assert.strictEqual(answers.length, 5)
      assert.isTrue(answers.every(isRefusal))
      yield* answered(15)
      assert.strictEqual(answers.filter(Exit.isSuccess).length, 10)
      for (let n = 10; n < 15; n++) ask("Work", { job: `${n}${long}` }, `request-${n}`)
      yield* answered(20)
      assert.strictEqual(answers.filter(Exit.isSuccess).length, 15)
    }).pipe(withCounter)
  )

  it.effect("has a delivery refused beyond that weight, so that its sender keeps it and sends it again", () =>
    Effect.gen(function* () {
      const { answers, ask, answered } = yield* resident
      for (let n = 0; n < 10; n++) ask("Work", { job: `${n}${long}` }, `request-${n}`)
      const messages = [{ id: "TestCounter/b/1/0", tag: "Work", payload: { job: long } }]
      ask("Deliver", { messages, again: false }, "")
      assert.deepStrictEqual(answers.map(isRefusal), [true])
      yield* answered(11)
      ask("Deliver", { messages, again: true }, "")
      yield* answered(12)
      assert.isTrue(Exit.isSuccess(answers[11]!))
    }).pipe(withCounter)
  )

  it("weighs as much as what is in the box, whatever was taken from it and put back", () => {
    const box = new Mailbox()
    const mail = (weight: number): Mail => ({
      _tag: "Delivery",
      messages: [],
      again: false,
      weight,
      resume: () => {}
    })
    assert.isTrue(box.hasRoomFor(2 * mailWeight))
    for (let n = 0; n < 4; n++) box.offer(mail(mailWeight / 4))
    assert.isFalse(box.hasRoomFor(1))
    const taken = box.take(3)
    assert.isTrue(box.hasRoomFor((mailWeight * 3) / 4))
    assert.isFalse(box.hasRoomFor((mailWeight * 3) / 4 + 1))
    box.putBack(taken.slice(1))
    assert.isTrue(box.hasRoomFor(mailWeight / 4))
    assert.isFalse(box.hasRoomFor(mailWeight / 4 + 1))
    box.take(Infinity)
    assert.isTrue(box.hasRoomFor(2 * mailWeight))
  })
})
