/** What a session does with a turn that a lane asked for: grants it, denies it, recalls it. */
import { send } from "../../../actor/Send.ts"
import { laneEntityId } from "../../../schema/Ids.ts"
import type { TurnUse } from "../../../schema/runs/TurnUse.ts"
import { Lane } from "../../Lane.ts"
import { about, type SessionDraft } from "../SessionDraft.ts"
import { laneTurnLimit } from "../SessionPolicy.ts"
import type { LaneTurn, SessionState } from "../SessionState.ts"

export type Asked = Pick<LaneTurn, "lane" | "ask">

export interface Denial {
  readonly reason: string
  readonly retryAfterMillis: number
  /** The session grants none ever again. */
  readonly over?: true
}

export const isOver = ({ phase }: SessionState): boolean => phase === "closing" || phase === "closed"

export const overNow = ({ phase, sessionId }: SessionState): Denial => ({
  reason: `session ${sessionId} is ${phase} and takes no more turns`,
  retryAfterMillis: 0,
  over: true
})

/** The lane may run one task where the session is assigned. */
export const grant = (change: SessionDraft, { ask, lane, timeoutMillis }: LaneTurn, because: string, now: number) => {
  const { assignment, sessionId, tenantId } = change.state
  const { instanceId, placement } = assignment!
  const deadlineAt = now + timeoutMillis + laneTurnLimit
  const ofLane = { ...about(change.state), lane, ask }
  change.emit({ _tag: "session.internal_turn_granted", ...ofLane, instanceId, deadlineAt, at: now })
  change.send(
    send(Lane, laneEntityId(tenantId, lane), "TurnGranted", {
      sessionId,
      ask,
      instanceId,
      placement,
      because,
      deadlineAt
    })
  )
}

export const refuse = (change: SessionDraft, { ask, lane }: Asked, denial: Denial): void => {
  const { sessionId, tenantId } = change.state
  change.send(send(Lane, laneEntityId(tenantId, lane), "TurnDenied", { sessionId, ask, ...denial }))
}

export const end = (change: SessionDraft, { ask, lane }: Asked, use: TurnUse["_tag"], now: number): void =>
  change.emit({ _tag: "session.internal_turn_over", ...about(change.state), lane, ask, use, at: now })

/** Takes a turn that was not granted from its place, and tells its lane why. */
export const deny = (change: SessionDraft, turn: Asked, denial: Denial, now: number): void => {
  end(change, turn, "unused", now)
  refuse(change, turn, denial)
}

/** An abort met the turn before it was granted: the lane asks again, and is behind what waits by then. */
export const denyAborted = (change: SessionDraft, turn: Asked, now: number): void => {
  const reason = "the session's turn was aborted before the task began"
  deny(change, turn, isOver(change.state) ? overNow(change.state) : { reason, retryAfterMillis: 1_000 }, now)
}

/** Has the lane abort what runs on the turn. It returns the turn then. */
export const recall = (change: SessionDraft, { ask, lane }: Asked): void => {
  const { sessionId, tenantId } = change.state
  const reason = `the turn of session ${sessionId} on which the task ran was aborted`
  change.send(send(Lane, laneEntityId(tenantId, lane), "TurnRecalled", { sessionId, ask, reason }))
}
