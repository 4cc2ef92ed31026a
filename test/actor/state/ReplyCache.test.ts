import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actor/Actor.ts"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { ReplyCache } from "../../../src/actor/state/ReplyCache.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { command, protocol } from "../../../src/actor/Protocol.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"

const large = "x".repeat(1_000)

const Echo = Entity.fromRpcGroup(
  "TestEcho",
  protocol(command("Say", { payload: { text: Schema.String }, success: Schema.String }))
)
const Event = Schema.TaggedStruct("echo.said", {})

const echo = ActorLayer.layer(
  Actor.define<number, typeof Event.Type>()({
    entity: Echo,
    state: Schema.Int,
    event: Event,
    stateVersion: 1,
    initial: () => 0,
    evolve: (said) => said + 1,
    commands: { Say: (said, { text }) => Actor.accept([{ _tag: "echo.said" }], `${said}: ${text}`) }
  }),
  { answersKept: { number: 100, weight: 5_000 } }
)

const remembered = (answered: ReplyCache, ids: ReadonlyArray<string>) =>
  ids.filter((id) => answered.get(id) !== undefined)

const add = (answered: ReplyCache, id: string, value: unknown) => answered.add(id, null, { _tag: "Success", value })

describe("The answers kept in memory", () => {
  it("are so many at most, the newest", () => {
    const answered = new ReplyCache({ number: 2, weight: 1_000_000 }, true)
    for (const id of ["a", "b", "c"]) {
      assert.isFalse(answered.mustLookUp(id, true))
      add(answered, id, 1)
    }
    assert.deepStrictEqual(remembered(answered, ["a", "b", "c"]), ["b", "c"])
    assert.isTrue(answered.mustLookUp("a", true))
    assert.isFalse(answered.mustLookUp("a", false))
    assert.isFalse(answered.mustLookUp("c", true))
  })

  it("are looked up, for sure, when only their ids are known", () => {
    const answered = new ReplyCache({ number: 2, weight: 1_000_000 }, true)
    answered.note("a")
    assert.isTrue(answered.has("a"))
    assert.isTrue(answered.mustLookUp("a", false))
    assert.isFalse(answered.mustLookUp("b", true))
  })

  it("weigh so much at most, however deep a large text is in them, but for the last", () => {
    const answered = new ReplyCache({ number: 100, weight: 3_200 }, true)
    for (const id of ["a", "b", "c"]) add(answered, id, { turns: [{ text: large }] })
    assert.deepStrictEqual(remembered(answered, ["a", "b", "c"]), ["b", "c"])
    add(answered, "d", { turns: [{ text: large.repeat(10) }] })
    assert.deepStrictEqual(remembered(answered, ["a", "b", "c", "d"]), ["d"])
    for (const id of ["e", "f"]) add(answered, id, large)
    assert.deepStrictEqual(remembered(answered, ["d", "e", "f"]), ["e", "f"])
    assert.isTrue(answered.mustLookUp("a", false))
  })

  it.effect(
    "are found in the journal when they fell out, whether or not the repeated request says that it is one",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1)
        const one = (yield* ActorClient.make(Echo))("a")
        const plain = yield* one.Say({ text: large }, { requestId: "plain" })
        const keyed = yield* one.Say({ text: large }, { requestId: "keyed", fingerprint: "f" })
        for (let n = 0; n < 10; n++) yield* one.Say({ text: large })
        const again = yield* Effect.forkChild(
          Effect.all([
            one.Say({ text: large }, { requestId: "keyed", fingerprint: "f" }),
            one.Say({ text: large }, { requestId: "plain" })
          ])
        )
        for (let step = 0; step < 200 && again.pollUnsafe() === undefined; step++) yield* TestClock.adjust(100)
        const exit = again.pollUnsafe()
        assert.deepStrictEqual(exit?._tag === "Success" ? exit.value : exit, [keyed, plain])
        assert.strictEqual((yield* MemoryStore).actors.get("TestEcho/a")!.entries.length, 12)
      }).pipe(Effect.provide(MemoryCluster.withActors(echo)))
  )
})
