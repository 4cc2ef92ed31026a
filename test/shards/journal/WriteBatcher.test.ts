import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as WriteBatcher from "../../../src/shards/journal/WriteBatcher.ts"

type Write = WriteBatcher.WriteBatcherOptions<string, void, WriteBatcher.WriteFailed>["write"]

const gatherer = (write: Write) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const add = yield* WriteBatcher.make<string, void, WriteBatcher.WriteFailed>({
      write,
      failed: (failure) => failure
    }).pipe(Scope.provide(scope))
    return { add, close: Scope.close(scope, Exit.void) }
  })

const stored: Write = (items) => Effect.succeed(items.map(() => Exit.void))

/** Why the write failed; undefined when it still waits. */
const reasonOf = (writing: Fiber.Fiber<WriteBatcher.WriteFailed, void>) => {
  const exit = writing.pollUnsafe()
  return exit?._tag === "Success" ? exit.value.reason : undefined
}

describe("a gatherer whose scope has closed", () => {
  it.effect("refuses at once what is added afterwards", () =>
    Effect.gen(function* () {
      const { add, close } = yield* gatherer(stored)
      yield* add("before")
      yield* close
      const after = yield* Effect.forkChild(Effect.flip(add("after")))
      yield* TestClock.adjust(1)
      assert.strictEqual(reasonOf(after), "Unknown")
    })
  )

  it.effect("answers those whose write it has cut off: it may have been written", () =>
    Effect.gen(function* () {
      const { add, close } = yield* gatherer(() => Effect.never)
      const cut = yield* Effect.forkChild(Effect.flip(add("under way")))
      yield* TestClock.adjust(1)
      assert.isUndefined(reasonOf(cut))
      yield* close
      yield* TestClock.adjust(1)
      assert.strictEqual(reasonOf(cut), "Unknown")
    })
  )
})

describe("a group that is refused for what one of it says", () => {
  it.effect("is written without that one, in few statements", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      let statements = 0
      const write: Write = (items) =>
        Effect.suspend(() => {
          statements++
          if (items.includes("bad"))
            return Effect.fail(new WriteBatcher.WriteFailed({ reason: "Content", message: "bad" }))
          written.push(...items)
          return Effect.succeed(items.map(() => Exit.void))
        })
      const { add, close } = yield* gatherer(write)
      const items = Array.from({ length: 256 }, (_, n) => (n === 100 ? "bad" : `item ${n}`))
      const outcomes = yield* Effect.forEach(items, (item) => Effect.exit(add(item)), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        outcomes.flatMap((exit, n) => (Exit.isFailure(exit) ? [items[n]] : [])),
        ["bad"]
      )
      assert.sameMembers(
        written,
        items.filter((item) => item !== "bad")
      )
      assert.isAtMost(statements, 2 * Math.log2(256) + 1)
      yield* close
    })
  )
})

describe("writes that wait behind a store that does not answer", () => {
  it.effect("fail in a bounded time, however many they are, and the next one is written when it is back", () =>
    Effect.gen(function* () {
      let isAway = true
      const { add } = yield* gatherer((items) => (isAway ? Effect.never : stored(items)))
      const waiting = yield* Effect.forEach(
        Array.from({ length: 20_000 }, (_, n) => `item-${n}`),
        (item) => Effect.forkChild(Effect.flip(add(item)), { startImmediately: true })
      )
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(waiting.every((one) => reasonOf(one) === undefined))
      for (let step = 0; step < 32; step++) yield* TestClock.adjust("1 second")
      assert.isTrue(waiting.every((one) => reasonOf(one) === "Unknown"))
      isAway = false
      yield* add("later")
    })
  )
})
