import { assert, describe, it } from "@effect/vitest"
import { ActorTest } from "../../src/testing/index.ts"
import * as Counter from "../fixtures/Counter.ts"

describe("An actor without its cluster", () => {
  it("answers its commands, keeps what it decided, and folds to the same state", () => {
    const counter = new ActorTest(Counter.definition, "a")
    assert.deepStrictEqual(counter.command("Add", { by: 2 }), { _tag: "Success", value: 2 })
    assert.strictEqual(counter.command("Add", { by: 5_000 })._tag, "Failure")
    counter.command("Pass", { to: "b", by: 1 })
    assert.deepStrictEqual(
      counter.events.map(({ _tag }) => _tag),
      ["counter.added"]
    )
    assert.deepInclude(counter.sent[0], { entityType: "TestCounter", entityId: "b", tag: "Add" })
    assert.deepStrictEqual([counter.folded, counter.restored], [counter.state, counter.state])
  })

  it("lets timers take effect when their time has come, and not before", () => {
    const counter = new ActorTest(Counter.definition, "a")
    counter.command("AddLater", { by: 3, at: counter.now + 1_000 })
    assert.isTrue(counter.pass(999))
    assert.strictEqual(counter.state.total, 0)
    assert.isTrue(counter.pass(1))
    assert.strictEqual(counter.state.total, 3)
  })

  it("says when a timer stays due for ever", () => {
    const stuck = { ...Counter.definition, onTimer: () => ({ events: [], send: [], answer: success }) }
    const counter = new ActorTest(stuck, "a")
    counter.command("AddLater", { by: 3, at: counter.now + 1_000 })
    assert.isFalse(counter.pass(2_000))
  })

  it("names the activities that its state wants, and decides what they report", () => {
    const counter = new ActorTest(Counter.definition, "a")
    counter.command("Work", { job: "j" })
    assert.deepStrictEqual(counter.activities, [{ key: "j" }])
    counter.signal({ _tag: "JobEnded", job: "j" })
    assert.deepStrictEqual(counter.activities, [])
  })

  it("refuses an event that its schema cannot store", () => {
    const counter = new ActorTest(Counter.definition, "a")
    assert.throws(() => counter.command("Add", { by: 0.5 }))
  })
})

const success = { _tag: "Success", value: undefined } as const
