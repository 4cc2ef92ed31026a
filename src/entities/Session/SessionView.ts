/** The public status of a session and of its turns. */
import type { View } from "../../actor/Actor.ts"
import type { SessionStatus, TurnStatus } from "../../schema/Session.ts"
import { beginningOf } from "../../ports/Outputs.ts"
import { listed, messageKept, turnsKept } from "./SessionPolicy.ts"
import type { Head, SessionState, WaitingTurn } from "./SessionState.ts"

const waiting = (turn: WaitingTurn, phase: TurnStatus["phase"], startedAt?: number): TurnStatus => ({
  turnId: turn.turnId,
  phase,
  message: turn.message.slice(0, messageKept),
  acceptedAt: turn.acceptedAt,
  ...(startedAt === undefined ? {} : { startedAt })
})

const isRunning = ({ step }: Head): boolean => step === "sent" || step === "aborting"
const ofHead = (head: Head): TurnStatus => waiting(head.turn, isRunning(head) ? "running" : "queued", head.startedAt)

export const findTurn = ({ ended, head, queue, steered }: SessionState, turnId: string): TurnStatus | undefined => {
  if (head?.turn.turnId === turnId && isOwn(head.turn)) return ofHead(head)
  const joining = steered.find(({ turn }) => turn.turnId === turnId)
  if (joining !== undefined) return waiting(joining.turn, "running")
  const queued = queue.find((turn) => turn.turnId === turnId && isOwn(turn))
  return queued === undefined ? ended.findLast((turn) => turn.turnId === turnId) : waiting(queued, "queued")
}

const queuedShown = 5

const isOwn = ({ lane }: WaitingTurn): boolean => lane === undefined

/**
 * The last turns that ended, then the head, the steered messages and the first turns that wait; at most `most` in all.
 */
const turnsOf = ({ ended, head, queue, steered }: SessionState, most: number): ReadonlyArray<TurnStatus> => {
  const open = [
    ...(head === undefined || !isOwn(head.turn) ? [] : [ofHead(head)]),
    ...steered.map(({ turn }) => waiting(turn, "running")),
    ...queue
      .filter(isOwn)
      .slice(0, queuedShown)
      .map((turn) => waiting(turn, "queued"))
  ].slice(0, most)
  return [...ended.slice(Math.max(0, ended.length + open.length - most)), ...open]
}

const statusWith = (state: SessionState, turns: ReadonlyArray<TurnStatus>): SessionStatus => {
  const { assignment, created, head } = state
  return {
    sessionId: state.sessionId,
    tenantId: state.tenantId,
    phase: state.phase,
    ...(assignment === undefined ? {} : { instanceId: assignment.instanceId }),
    hints: created?.hints ?? {},
    ...(created?.label === undefined ? {} : { label: created.label }),
    queued: state.queue.filter(isOwn).length + (head !== undefined && isOwn(head.turn) && !isRunning(head) ? 1 : 0),
    turnsCompleted: state.turnsCompleted,
    turns,
    createdAt: created?.at ?? 0,
    lastActivityAt: state.lastActivityAt,
    ...waitingFor(state)
  }
}

/** What the first of the session's own turns waits for. */
const waitingFor = ({ head, queue }: SessionState): { readonly waitingFor?: string } => {
  if (head?.reason !== undefined) return { waitingFor: head.reason }
  const lane = head?.turn.lane
  if (lane === undefined || !queue.some(isOwn)) return {}
  return { waitingFor: `waits for the end of a task of lane ${lane.lane}, which has the session's turn` }
}

export const statusOf = (state: SessionState): SessionStatus => statusWith(state, turnsOf(state, turnsKept))

const short = (turn: TurnStatus): TurnStatus => ({
  ...turn,
  message: turn.message.slice(0, listed.chars),
  ...(turn.text === undefined || turn.text.length <= listed.chars
    ? {}
    : { text: beginningOf(turn.text, listed.chars), isPreview: true })
})

/** The view for lists: the last five turns, shortened. */
export const viewOf = (state: SessionState): View<SessionStatus> | undefined =>
  state.created === undefined
    ? undefined
    : { tenantId: state.tenantId, doc: statusWith(state, turnsOf(state, listed.turns).map(short)) }
