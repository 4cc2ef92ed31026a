import { assert, describe, it } from "@effect/vitest"
import { pastMost, RunBoard } from "../../../../src/entities/Instance/board/RunBoard.ts"
import { attempt, laneId } from "../InstanceRig.ts"

const holder = { entityType: "Lane", entityId: laneId }
const start = (task: string, entry?: number, epoch = 1, startedAt = 1_000) => ({
  attempt: attempt(task, "do it"),
  epoch,
  startedAt,
  ...(entry === undefined ? {} : { entry })
})

const boardOf = (entry = 5, epoch = 1) => {
  const board = new RunBoard()
  board.present({ holder, epoch, entry })
  const admit = (given: ReturnType<typeof start>) => board.admit(given, 2_000)
  return { board, admit }
}

describe("The board of an instance", () => {
  it("leaves out a first start until its holder has told what may run already", () => {
    const board = new RunBoard()
    assert.isUndefined(board.admit(start("t1", 6), 2_000))
    board.present({ holder, epoch: 1, entry: 5 })
    assert.strictEqual(board.admit(start("t1", 6), 2_000)?.entry, 6)
  })

  it("leaves out a first start of before the roll call, which was told again or had ended", () => {
    const { admit } = boardOf(5)
    assert.isUndefined(admit(start("t1", 5)))
    assert.isUndefined(admit(start("t1"))?.entry)
  })

  it("begins a start once, however often it is told and also after its end", () => {
    const { admit, board } = boardOf()
    const run = admit(start("t1", 6))!
    assert.isUndefined(admit(start("t1", 6)))
    assert.isUndefined(admit(start("t1")))
    board.over(run)
    assert.isUndefined(admit(start("t1", 6)))
    assert.isUndefined(admit(start("t1")))
  })

  it("begins the same attempt again when it was refused and started anew later", () => {
    const { admit, board } = boardOf()
    board.over(admit(start("t1", 6))!)
    assert.isDefined(admit(start("t1", 9, 1, 1_010)))
  })

  it("takes nothing of an owner of the holder before the one that was heard", () => {
    const { admit, board } = boardOf(5, 2)
    assert.isUndefined(admit(start("t1", 6, 1)))
    assert.isUndefined(admit(start("t1", undefined, 1)))
    board.present({ holder, epoch: 1, entry: 1 })
    assert.isUndefined(admit(start("t1", 2, 1)))
    assert.isDefined(admit(start("t1", 6, 2)))
  })

  it("leaves out a first start that is older than what it remembers", () => {
    const { admit, board } = boardOf(0)
    for (let n = 1; n <= pastMost + 10; n++) board.over(admit(start(`t${n}`, n))!)
    assert.isUndefined(admit(start("late", 9)))
    assert.isDefined(admit(start("new", pastMost + 11)))
  })
})
