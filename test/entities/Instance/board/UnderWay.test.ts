import { assert, describe, it } from "@effect/vitest"
import { HashMap } from "effect"
import { Board } from "../../../../src/entities/Instance/board/Board.ts"
import { isInUse, mayRun, mayRunFromBefore } from "../../../../src/entities/Instance/board/UnderWay.ts"
import { initial } from "../../../../src/entities/Instance/InstanceState.ts"
import * as SlotBook from "../../../../src/entities/Instance/slots/SlotBook.ts"
import { TenantId } from "../../../../src/schema/Ids.ts"
import { attempt, laneId } from "../InstanceRig.ts"

const holder = { entityType: "Lane", entityId: laneId }
const ask = { holder, tenantId: TenantId.make("acme"), weight: 1, want: 1, rank: null }
const asked = SlotBook.asked(SlotBook.empty, ask, 0)
const granted = SlotBook.granted(asked, SlotBook.holderKey(holder), 1, 0)
const holding = { ...initial, slots: granted }

describe("What may run at a gateway", () => {
  it("is anything that a holder of slots has started, until it has told an instance that was loaded", () => {
    const board = new Board()
    assert.isFalse(mayRun({ ...initial, slots: asked }, board))
    assert.isTrue(mayRun(holding, board))
    assert.isTrue(mayRunFromBefore(holding, 1, board))
    board.attempts.present({ holder, epoch: 1, entry: 5 })
    assert.isFalse(mayRun(holding, board))
    assert.isFalse(mayRunFromBefore(holding, 1, board))
  })

  it("is what is on the board, in its session", () => {
    const board = new Board()
    board.attempts.present({ holder, epoch: 1, entry: 5 })
    const run = board.attempts.admit({ attempt: attempt("t1", "do it"), epoch: 1, startedAt: 1, entry: 6 }, 1)!
    assert.isTrue(mayRun(holding, board))
    assert.isTrue(isInUse(initial, board, run.attempt.sessionKey))
    assert.isFalse(isInUse(initial, board, "another"))
    board.attempts.over(run)
    assert.isFalse(mayRun(holding, board))
    assert.isTrue(HashMap.isEmpty(initial.runs))
  })
})
