/** The steps of a turn: accepted, placed, sent, retried, ended. After each end the next turn begins. */
import { send } from "../../actor/Send.ts"
import type { Attempt, AttemptOutcome } from "../../schema/runs/Attempt.ts"
import type { QueuePosition } from "../../schema/events/SessionEvents.ts"
import {
  gatewaySessionKey,
  instanceEntityId,
  type Placement,
  sessionEntityId,
  type InstanceId
} from "../../schema/Ids.ts"
import { cut } from "../../schema/text/Bounds.ts"
import type { QueueMode } from "../../schema/Session.ts"
import { heldMost, type TaskError } from "../../schema/Task.ts"
import { Instance } from "../Instance.ts"
import { inlineMost } from "../../ports/Outputs.ts"
import { denyAborted, grant, recall } from "./lanes/LaneTurn.ts"
import { about, type SessionDraft } from "./SessionDraft.ts"
import { abortLimit, attempts, refusedWait, reroutesMost, retryWait } from "./SessionPolicy.ts"
import { type Head, runKeyOf, type SessionState, steerKeyOf, type WaitingTurn } from "./SessionState.ts"

const ofTurn = (state: SessionState, turnId: string) => ({ ...about(state), turnId })

const origin = ({ sessionId, tenantId }: SessionState) => ({
  entityType: "Session",
  entityId: sessionEntityId(tenantId, sessionId)
})

const sessionKey = ({ sessionId, tenantId }: SessionState) => gatewaySessionKey(tenantId, sessionId)

const instanceOf = ({ assignment }: SessionState): string =>
  instanceEntityId(assignment!.placement, assignment!.instanceId)

export const enqueue = (draft: SessionDraft, turn: WaitingTurn, position: QueuePosition): void =>
  draft.emit({
    _tag: "session.turn_queued",
    ...ofTurn(draft.state, turn.turnId),
    message: turn.message,
    isKept: true,
    position,
    timeoutMillis: turn.timeoutMillis,
    ...(turn.traceparent === undefined ? {} : { traceparent: turn.traceparent }),
    at: turn.acceptedAt
  })

/** Begins the next turn when no turn is the head; closes a closing session instead. */
export const advance = (draft: SessionDraft, now: number): void => {
  const { assignment, head, held, move, phase, queue } = draft.state
  if (head !== undefined) return
  if (phase === "closing") return draft.emit({ _tag: "session.closed", ...about(draft.state), at: now })
  const next = queue[0]
  if (next === undefined) return
  const isHome = assignment?.settled === true && assignment.answers && move === undefined && held !== true
  if (isHome) return begin(draft, next, 1, `${assignment.instanceId} has the session's history`, now)
  place(draft, next.turnId, now)
}

/** Starts the turn where the session is assigned, or grants it to its lane. */
export const begin = (draft: SessionDraft, turn: WaitingTurn, attempt: number, because: string, now: number): void =>
  turn.lane === undefined ? start(draft, turn.turnId, attempt, now) : grant(draft, turn.lane, because, now)

/** Starts the search for an instance, which may last as long as one attempt. */
export const place = (draft: SessionDraft, turnId: string, now: number): void =>
  draft.emit({ _tag: "session.internal_placing", ...ofTurn(draft.state, turnId), at: now })

export interface Place {
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
  readonly backup?: InstanceId
}

export const assign = (draft: SessionDraft, { backup, because, instanceId, placement }: Place): void => {
  const before = draft.state.assignment
  const isSame = before?.instanceId === instanceId && before.placement === placement
  if (isSame && draft.state.move === undefined) return
  draft.emit({
    _tag: "session.assigned",
    ...about(draft.state),
    instanceId,
    placement,
    because,
    ...(backup === undefined ? {} : { backup }),
    ...(before === undefined || isSame ? {} : { movedFrom: before.instanceId })
  })
}

/** Sends the attempt to the session's instance. */
export const start = (draft: SessionDraft, turnId: string, attempt: number, now: number): void => {
  const { instanceId } = draft.state.assignment!
  draft.emit({
    _tag: "session.turn_started",
    ...ofTurn(draft.state, turnId),
    instanceId,
    attempt,
    runKey: `${turnId}.${attempt}`,
    at: now
  })
  draft.send(send(Instance, instanceOf(draft.state), "Execute", { attempt: attemptOf(draft.state) }))
}

const attemptOf = (state: SessionState): Attempt => {
  const { hints } = state.created!
  const { turn } = state.head!
  return {
    runKey: runKeyOf(state.head!),
    origin: origin(state),
    tenantId: state.tenantId,
    turnId: turn.turnId,
    sessionId: state.sessionId,
    sessionKey: sessionKey(state),
    ...(turn.isKept === true && turn.message.length > heldMost.waiting ? {} : { message: turn.message }),
    ...(hints.model === undefined ? {} : { model: hints.model }),
    timeoutMillis: turn.timeoutMillis,
    ...(turn.traceparent === undefined ? {} : { traceparent: turn.traceparent })
  }
}

export const failTurn = (draft: SessionDraft, turnId: string, error: TaskError, now: number): void => {
  draft.emit({ _tag: "session.turn_failed", ...ofTurn(draft.state, turnId), error, at: now })
  advance(draft, now)
}

export const abortTurn = (draft: SessionDraft, turnId: string, now: number): void =>
  draft.emit({ _tag: "session.turn_aborted", ...ofTurn(draft.state, turnId), at: now })

/**
 * Ends the head at once when nothing was sent; otherwise asks its instance to abort it. A turn that a lane was granted
 * stays its own until the grant's deadline: the lane may hear of the grant late, and start before it hears of the
 * abort.
 */
export const abortHead = (draft: SessionDraft, now: number): void => {
  const { head } = draft.state
  if (head === undefined || head.step === "aborting") return
  if (head.step !== "sent") return abortWaiting(draft, head.turn, now)
  draft.emit({
    _tag: "session.internal_aborting",
    ...ofTurn(draft.state, head.turn.turnId),
    deadlineAt: head.turn.lane === undefined ? now + abortLimit : head.deadlineAt
  })
  askAbort(draft, head)
}

/** Takes a turn away that nobody has been sent. */
export const abortWaiting = (draft: SessionDraft, { lane, turnId }: WaitingTurn, now: number): void =>
  lane === undefined ? abortTurn(draft, turnId, now) : denyAborted(draft, lane, now)

/** Has whoever has the turn end it. */
export const askAbort = (draft: SessionDraft, head: Head): void => {
  const { lane } = head.turn
  if (lane !== undefined) return recall(draft, lane)
  draft.send(
    send(Instance, instanceOf(draft.state), "AbortAttempt", { runKey: runKeyOf(head), origin: origin(draft.state) })
  )
}

/** A run that used up its time is not retried, since the caller set the limit. */
const maySucceedLater = ({ code, retryable }: TaskError): boolean => retryable && code !== "AttemptTimeout"

export const onEnded = (draft: SessionDraft, head: Head, outcome: AttemptOutcome, now: number): void => {
  const { turnId } = head.turn
  switch (outcome._tag) {
    case "completed": {
      const { durationMillis, stored, text, usage } = outcome.result
      draft.emit({
        _tag: "session.turn_completed",
        ...ofTurn(draft.state, turnId),
        text: stored === undefined ? cut(text, inlineMost) : text,
        ...(stored === undefined ? {} : { stored }),
        ...(usage === undefined ? {} : { usage }),
        durationMillis,
        at: now
      })
      return advance(draft, now)
    }
    case "aborted":
      abortTurn(draft, turnId, now)
      return advance(draft, now)
    case "failed": {
      if (head.step === "aborting") {
        abortTurn(draft, turnId, now)
        return advance(draft, now)
      }
      const failed = head.attempt - (head.reroutes ?? 0)
      if (!maySucceedLater(outcome.error) || failed >= attempts || draft.state.phase === "closing") {
        return failTurn(draft, turnId, outcome.error, now)
      }
      return putOff(draft, head, {
        attempt: head.attempt + 1,
        reason: outcome.error.message,
        retryAt: now + retryWait(failed)
      })
    }
  }
}

interface PutOff {
  readonly attempt: number
  readonly reason: string
  readonly retryAt: number
  readonly reroutes?: number
  readonly atFault?: boolean
}

const putOff = (draft: SessionDraft, head: Head, why: PutOff): void =>
  draft.emit({ _tag: "session.internal_put_off", ...ofTurn(draft.state, head.turn.turnId), ...why })

export interface Refused {
  readonly reason: string
  readonly retryAfterMillis: number
  readonly atFault?: boolean
}

export const onRefused = (
  draft: SessionDraft,
  head: Head,
  { atFault, reason, retryAfterMillis }: Refused,
  now: number
): void => {
  if (head.step === "aborting") {
    abortTurn(draft, head.turn.turnId, now)
    return advance(draft, now)
  }
  putOff(draft, head, {
    attempt: head.attempt,
    reason,
    retryAt: now + refusedWait(runKeyOf(head), head.tries, retryAfterMillis),
    ...(atFault === true ? { atFault } : {})
  })
}

/**
 * The instance of the running turn is lost: the turn is retried elsewhere under its next attempt number, so that late
 * reports of the lost attempt are ignored. Messages in flight into the turn become turns of their own. After more than
 * `reroutesMost` losses, or when it is not to be tried elsewhere (`fails`), the turn fails with `AttemptLost`.
 */
export const onLost = (draft: SessionDraft, head: Head, reason: string, now: number, fails = false): void => {
  askAbort(draft, head)
  const { turnId } = head.turn
  const reroutes = (head.reroutes ?? 0) + 1
  const message = `given up on ${draft.state.assignment!.instanceId}: ${reason}`
  for (const { turn } of draft.state.steered) enqueue(draft, turn, "ordered")
  if (fails || reroutes > reroutesMost)
    return failTurn(draft, turnId, { code: "AttemptLost", message, retryable: false }, now)
  putOff(draft, head, { attempt: head.attempt + 1, reason: message, retryAt: now, reroutes })
  place(draft, turnId, now)
}

/** Sends a message into the running turn; the instance reports whether it arrived. */
export const steerInto = (
  draft: SessionDraft,
  head: Head,
  message: { readonly turnId: string; readonly message: string; readonly queueMode: QueueMode },
  now: number
): void => {
  draft.emit({
    _tag: "session.steered",
    ...ofTurn(draft.state, message.turnId),
    into: head.turn.turnId,
    message: message.message,
    at: now
  })
  draft.send(
    send(Instance, instanceOf(draft.state), "Steer", {
      sessionKey: sessionKey(draft.state),
      runKey: steerKeyOf(message.turnId),
      message: message.message,
      queueMode: message.queueMode,
      origin: origin(draft.state)
    })
  )
}

export const joined = (draft: SessionDraft, turnId: string, into: string, now: number): void =>
  draft.emit({
    _tag: "session.turn_completed",
    ...ofTurn(draft.state, turnId),
    text: "",
    durationMillis: 0,
    joined: into,
    at: now
  })
