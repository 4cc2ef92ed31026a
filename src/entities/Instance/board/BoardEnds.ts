/** What is done when an attempt on a slot of its origin has ended. */
import { Clock, Effect } from "effect"
import type { Outgoing } from "../../../actor/Actor.ts"
import { tellTo } from "../../../actor/Send.ts"
import * as DomainMetrics from "../../../observability/metrics/DomainMetrics.ts"
import { AttemptEnded, AttemptRefused } from "../../../rpc/AttemptRpcs.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import type { RunEnd } from "../../../schema/events/InstanceEvents.ts"
import { type InstanceId, parseInstanceEntityId } from "../../../schema/Ids.ts"
import { sessionOf } from "../../../schema/runs/Attempt.ts"
import { runIdOf } from "../InstanceState.ts"
import { meanWith } from "../runs/RunEvolve.ts"
import { outcomeOf, refusalAfter, type Refusal, type RunOutcome, verdictOf } from "../runs/RunTransitions.ts"
import type { Verdicted } from "../runs/AttemptOutcomes.ts"
import type { LinkPost } from "../activities/LinkRegistry.ts"
import type { InstanceSelf } from "../activities/RunAttempt.ts"
import type { Board } from "./Board.ts"
import type { BoardRun } from "./RunBoard.ts"

/** Of an attempt at an instance that has stopped. */
export const outcomeOfStopped = outcomeOf("stopping", { _tag: "aborted" }) as Exclude<
  RunOutcome,
  { readonly _tag: "refused" }
>

interface Ended {
  readonly origin: ActorRef
  readonly runKey: string
}

/** Keeps what the origin has to hear until it has heard it. */
const saying = (board: Board, { origin, runKey }: Ended, made: (told: Told) => Outgoing): Outgoing => {
  const runId = runIdOf(origin, runKey)
  const isCurrent = () => board.unheard.get(runId) === message
  const message: Outgoing = made({
    isWanted: isCurrent,
    onHeard: () => void (isCurrent() && board.unheard.delete(runId))
  })
  board.unheard.set(runId, message)
  return message
}

interface Told {
  readonly isWanted: () => boolean
  readonly onHeard: () => void
}

export const refused = (board: Board, instanceId: InstanceId, ended: Ended, refusal: Refusal): Outgoing =>
  saying(board, ended, ({ isWanted, onHeard }) =>
    tellTo(ended.origin, AttemptRefused, { runKey: ended.runKey, instanceId, ...refusal }, isWanted, onHeard)
  )

export const ended = (
  board: Board,
  instanceId: InstanceId,
  of: Ended,
  outcome: Exclude<RunOutcome, { readonly _tag: "refused" }>
): Outgoing =>
  saying(board, of, ({ isWanted, onHeard }) =>
    tellTo(of.origin, AttemptEnded, { runKey: of.runKey, instanceId, outcome }, isWanted, onHeard)
  )

/** Takes the run off the board and tells its origin. Returns what the end says of the gateway. */
export const finish = Effect.fnUntraced(function* (
  run: BoardRun,
  { outcome: found, verdict }: Verdicted,
  self: InstanceSelf,
  post: LinkPost
): Effect.fn.Return<RunEnd> {
  const { board } = post
  const { attempt, runId } = run
  const { instanceId } = parseInstanceEntityId(self.entityId)
  const now = yield* Clock.currentTimeMillis
  const outcome = outcomeOf(run.abort, found)
  const durationMillis = Math.max(0, now - run.acceptedAt)
  board.attempts.over(run)
  post.begun.delete(runId)
  if (sessionOf(attempt) === undefined) post.ended(attempt.sessionKey, now)
  if (outcome._tag === "completed") board.latencyMillis = meanWith(board.latencyMillis, durationMillis)
  yield* DomainMetrics.runEnded(durationMillis, outcome._tag)
  yield* self.tellOthers([
    outcome._tag === "refused"
      ? refused(board, instanceId, attempt, refusalAfter(outcome.reason))
      : ended(board, instanceId, attempt, outcome)
  ])
  return {
    status: outcome._tag,
    durationMillis,
    ...(outcome._tag === "failed" ? { error: outcome.error } : {}),
    verdict: verdictOf(run.abort, verdict)
  }
})
