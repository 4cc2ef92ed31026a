/** Takes what origins tell an instance of their attempts, as the shell of the actor. */
import { Clock, Effect } from "effect"
import type { Outgoing } from "../../../actor/Actor.ts"
import { parseInstanceEntityId } from "../../../schema/Ids.ts"
import type { LinkPost } from "../activities/LinkRegistry.ts"
import type { InstanceSelf } from "../activities/RunAttempt.ts"
import { runIdOf } from "../InstanceState.ts"
import { refusalOf } from "../runs/RunTransitions.ts"
import * as SlotBook from "../slots/SlotBook.ts"
import * as BoardEnds from "./BoardEnds.ts"
import { type BoardNote, type Start, type Stop, voidSlot } from "./BoardDecisions.ts"
import { boardMode } from "./BoardMode.ts"

export const takeNotes = Effect.fnUntraced(function* (
  notes: ReadonlyArray<BoardNote>,
  self: InstanceSelf,
  post: LinkPost
) {
  const now = yield* Clock.currentTimeMillis
  const said = notes.flatMap((note): ReadonlyArray<Outgoing> => {
    switch (note._tag) {
      case "Present":
        post.board.attempts.present(note)
        return []
      case "Start":
        return start(note, self, post, now)
      case "Stop":
        return stop(note, self, post)
    }
  })
  post.board.attempts.forgetHolders((key) => SlotBook.holderOf(self.committed().slots, key) !== undefined)
  if (said.length > 0) yield* self.tellOthers(said)
})

const isClosed = (self: InstanceSelf): boolean => {
  const mode = boardMode(self.committed())
  return mode === undefined || mode === "close"
}

const stopped = { _tag: "aborted" } as const

const start = (note: Start, self: InstanceSelf, { board }: LinkPost, now: number): ReadonlyArray<Outgoing> => {
  const run = board.attempts.admit(note, now)
  if (run === undefined) return []
  const { instanceId } = parseInstanceEntityId(self.entityId)
  const others = board.attempts.runs.size - 1
  const state = self.committed()
  const mayStart = run.entry === undefined ? undefined : refusalOf(state, run.attempt, { onSlot: true, now, others })
  const refusal = voidSlot(state, note) ?? mayStart
  if (refusal !== undefined) {
    board.attempts.over(run)
    return [BoardEnds.refused(board, instanceId, run.attempt, refusal)]
  }
  if (isClosed(self)) {
    board.attempts.over(run)
    return [BoardEnds.ended(board, instanceId, run.attempt, BoardEnds.outcomeOfStopped)]
  }
  board.host?.begin(run)
  return []
}

/** An attempt whose end is on its way needs no stop. */
const stop = (note: Stop, self: InstanceSelf, post: LinkPost): ReadonlyArray<Outgoing> => {
  const { board } = post
  const runId = runIdOf(note.origin, note.runKey)
  if (board.unheard.has(runId)) return []
  const run = board.attempts.runs.get(runId)
  if (isClosed(self) || (run === undefined && board.host === undefined)) {
    if (run !== undefined) board.attempts.over(run)
    else post.givenUp(runId, note.sessionKey)
    const { instanceId } = parseInstanceEntityId(self.entityId)
    return [BoardEnds.ended(board, instanceId, note, stopped)]
  }
  if (run === undefined) board.host!.stopUnknown(note)
  else if (board.host === undefined) run.abort = "asked"
  else board.host.stop(run, "asked")
  return []
}
