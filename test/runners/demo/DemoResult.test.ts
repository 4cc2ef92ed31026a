import { assert, describe, it } from "@effect/vitest"
import { isClean, rows } from "../../../src/runners/demo/DemoResult.ts"
import type { SessionStatus } from "../../../src/schema/Session.ts"
import type { TaskStatus } from "../../../src/schema/Task.ts"

const submitted = { tasks: ["a", "b"], sessions: [{ sessionId: "s", turns: ["1", "2"] }] }
const task = (taskId: string, phase = "completed") => ({ taskId, phase }) as TaskStatus
const turn = (turnId: string, startedAt: number, endedAt: number) => ({
  turnId,
  phase: "completed",
  startedAt,
  endedAt
})
const session = (...turns: ReadonlyArray<ReturnType<typeof turn>>) =>
  ({ sessionId: "s", turns }) as unknown as SessionStatus
const once = { a: 1, b: 1, "1": 1, "2": 1 }
const sound = session(turn("1", 0, 10), turn("2", 10, 20))

describe("the demo's verdict", () => {
  it("is clean when everything ended once and in order", () =>
    assert.isTrue(isClean(rows(submitted, [task("a"), task("b")], [sound], once))))

  it("names what is missing as lost", () => {
    const table = rows(submitted, [task("a")], [session(turn("1", 0, 10))], once)
    assert.deepStrictEqual(
      table.map(({ lost }) => lost),
      [1, 1]
    )
    assert.isFalse(isClean(table))
  })

  it("names what reached the model twice as doubled", () => {
    const table = rows(submitted, [task("a"), task("b")], [sound], { ...once, b: 2 })
    assert.strictEqual(table[0]!.doubled, 1)
    assert.isFalse(isClean(table))
  })

  it("names a turn that overtook another", () => {
    const table = rows(submitted, [task("a"), task("b")], [session(turn("1", 0, 10), turn("2", 5, 20))], once)
    assert.strictEqual(table[1]!.outOfOrder, 1)
    assert.isFalse(isClean(table))
  })

  it("is not clean when something failed", () =>
    assert.isFalse(isClean(rows(submitted, [task("a"), task("b", "failed")], [sound], once))))
})
