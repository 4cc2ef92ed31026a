/**
 * How a lane runs tasks that name a session: it asks the session for a turn, starts the first of its tasks for that
 * session in the commit that hears of the grant, and returns the turn with the end of the attempt, or at once when it
 * can start none. So a granted turn is never idle.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, note, type Outgoing } from "../../../actor/Actor.ts"
import { send } from "../../../actor/Send.ts"
import type { LaneEvent, LaneEventOf, WaitingTask } from "../../../schema/events/LaneEvents.ts"
import { type InstanceId, type Placement, sessionEntityId, SessionId } from "../../../schema/Ids.ts"
import type { TurnUse } from "../../../schema/runs/TurnUse.ts"
import { Session } from "../../Session.ts"
import { cancelHeld } from "../commands/Cancel.ts"
import { abortMillis, graceMillis } from "../dispatch/Attempts.ts"
import { startOf } from "../dispatch/StartTasks.ts"
import { draft, evolve } from "../LaneEvolve.ts"
import { type LaneState, runningOf } from "../LaneState.ts"
import { type TurnLease, turnOf } from "./TurnLease.ts"

type Quiet = Decision<LaneEvent, void, never>

/** Milliseconds after which an unanswered ask is repeated, in case it was given up on the way. */
const repeatMillis = 600_000
/** Maximum tasks that end with their session in one commit. */
const endedMost = 512

interface About {
  readonly sessionId: SessionId
  readonly ask: number
}

const about = ({ lane, tenantId }: LaneState, { ask, sessionId }: About, at: number) => ({
  tenantId,
  lane,
  at,
  sessionId,
  ask
})

const isOf = (task: WaitingTask, sessionId: string): boolean => task.task.sessionId === sessionId

/** The first of the lane's tasks for that session that may start now. */
const firstOf = ({ pending }: LaneState, sessionId: string, now: number): WaitingTask | undefined =>
  pending.entries.find((entry) => isOf(entry, sessionId) && (entry.task.deadlineAt ?? Infinity) > now)

const giveBack = ({ lane, tenantId }: LaneState, { ask, sessionId }: About, use: TurnUse): Outgoing =>
  send(Session, sessionEntityId(tenantId, sessionId), "TurnReturned", { lane, ask, use })

const unused = (state: LaneState, turn: About, now: number): LaneEvent => ({
  _tag: "lane.internal_turn_unused",
  ...about(state, turn, now)
})

interface Granted extends About {
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
  readonly deadlineAt: number
}

/** Whether the attempt ends, or is given up or cancelled, before the session goes on without its turn. */
const endsInTime = ({ task }: WaitingTask, { deadlineAt }: Granted, now: number): boolean =>
  now + task.timeoutMillis + graceMillis + abortMillis <= deadlineAt

/** The turn of an ask that the lane does not know any more goes back, and so does one that came too late. */
export const turnGranted = (state: LaneState, granted: Granted, { now }: DecideContext): Quiet => {
  const lease = turnOf(state.turns, granted.sessionId)
  if (lease?.ask !== granted.ask || lease.step !== "asked") {
    return accept<LaneEvent, void>([], undefined, [giveBack(state, granted, { _tag: "unused" })])
  }
  const entry = firstOf(state, granted.sessionId, now)
  const { concurrency, paused } = state.config
  const mayStart = !paused && HashMap.size(state.running) < concurrency
  if (entry === undefined || !mayStart || !endsInTime(entry, granted, now)) {
    return accept<LaneEvent, void>([unused(state, granted, now)], undefined)
  }
  const { because, instanceId, placement } = granted
  const { event, message } = startOf(state, entry, { instanceId, placement, because, onTurn: true }, now)
  return accept<LaneEvent, void>([event], undefined, [message])
}

interface Denied extends About {
  readonly reason: string
  readonly retryAfterMillis: number
  readonly over?: boolean
}

/** The tasks that the lane holds for a session that is over fail; others do when the lane asks for them. */
export const turnDenied = (state: LaneState, denied: Denied, { now }: DecideContext): Quiet => {
  const lease = turnOf(state.turns, denied.sessionId)
  if (lease?.ask !== denied.ask || lease.step !== "asked") return accept<LaneEvent, void>([], undefined)
  const { over, reason, retryAfterMillis } = denied
  const change = draft(state)
  change.emit({
    _tag: "lane.internal_turn_denied",
    ...about(state, denied, now),
    reason,
    until: now + Math.max(100, retryAfterMillis),
    ...(over === true ? { over } : {})
  })
  if (over !== true) return change.accept(undefined)
  const { lane, tenantId } = state
  const error = { code: "SessionClosed", message: reason, retryable: false }
  for (const { task } of state.pending.entries.filter((entry) => isOf(entry, denied.sessionId)).slice(0, endedMost)) {
    change.emit({ _tag: "task.failed", tenantId, lane, at: now, taskId: task.taskId, error })
  }
  return change.accept(undefined)
}

/** The session aborts its running turn: the task that runs on it is cancelled. */
export const turnRecalled = (
  state: LaneState,
  { ask, reason, sessionId }: About & { readonly reason: string },
  { now }: DecideContext
): Quiet => {
  const lease = turnOf(state.turns, sessionId)
  if (lease?.ask !== ask) return accept<LaneEvent, void>([], undefined)
  if (lease.step !== "held") return accept<LaneEvent, void>([unused(state, { ask, sessionId }, now)], undefined)
  for (const task of HashMap.values(state.running)) {
    if (task.onTurn !== true || task.task.sessionId !== sessionId) continue
    const { event, sends } = cancelHeld(state, { where: "running", task }, reason, now)
    return accept(event === undefined ? [] : [event], undefined, sends)
  }
  return accept<LaneEvent, void>([], undefined)
}

/** What is asked for without a task that could use it. A task behind the window may. */
const unneeded = (state: LaneState, now: number): ReadonlyArray<LaneEvent> =>
  HashMap.toEntries(state.turns).flatMap(([id, { ask, step }]) =>
    step === "asked" && !state.pending.entries.some((entry) => isOf(entry, id))
      ? [unused(state, { ask, sessionId: SessionId.make(id) }, now)]
      : []
  )

/** The handler, whose decision also gives back the turns that no task waits for any more. */
export const releasing =
  <Args extends ReadonlyArray<unknown>, A, E>(
    decide: (state: LaneState, ...args: [...Args, DecideContext]) => Decision<LaneEvent, A, E>
  ) =>
  (state: LaneState, ...args: [...Args, DecideContext]): Decision<LaneEvent, A, E> => {
    const decision = decide(state, ...args)
    if (decision.events.length === 0 || HashMap.isEmpty(state.turns)) return decision
    const { now } = args.at(-1) as DecideContext
    const more = unneeded(decision.events.reduce(evolve, state), now)
    return more.length === 0 ? decision : { ...decision, events: [...decision.events, ...more] }
  }

const dueAt = ({ at, step }: TurnLease): number =>
  step === "asked" ? at + repeatMillis : step === "denied" ? at : Infinity

/** Unix milliseconds at which an ask is to be repeated, or a denial is over; `Infinity` when there is neither. */
export const turnsDueAt = ({ turns }: LaneState): number =>
  HashMap.reduce(turns, Infinity, (first, lease) => Math.min(first, dueAt(lease)))

/** Handles the timer of turns. A denial that is over is forgotten, so that the lane asks again if it has a task. */
export const renewTurns = (state: LaneState, { now }: DecideContext): Quiet =>
  note(
    HashMap.toEntries(state.turns).flatMap(([id, lease]): ReadonlyArray<LaneEvent> => {
      if (dueAt(lease) > now) return []
      const of = { ask: lease.ask, sessionId: SessionId.make(id) }
      const entry = state.pending.entries.find((waiting) => isOf(waiting, id))
      if (lease.step === "denied" || entry === undefined) return [unused(state, of, now)]
      const { timeoutMillis } = lease
      const { hints } = entry.task
      return [{ _tag: "lane.internal_turn_asked", ...about(state, of, now), timeoutMillis, hints }]
    })
  )

const useOf = (event: LaneEvent): TurnUse | undefined => {
  switch (event._tag) {
    case "task.completed":
      return { _tag: "ran" }
    case "task.failed":
    case "task.cancelled":
    case "task.retrying":
    case "task.dead_lettered":
      return { _tag: event.givenUp === true ? "lost" : "ran" }
    case "task.requeued":
      return event.rerouted === undefined ? refusedBy(event) : { _tag: "lost" }
    default:
      return undefined
  }
}

const refusedBy = ({ at, atFault, busyUntil, reason }: LaneEventOf<"task.requeued">): TurnUse => ({
  _tag: "refused",
  reason,
  retryAfterMillis: Math.max(0, Math.ceil(busyUntil - at)),
  ...(atFault === true ? { atFault } : {})
})

/** Tells sessions what an event says of their turns. */
export const turnSends = (event: LaneEvent, before: LaneState): ReadonlyArray<Outgoing> => {
  switch (event._tag) {
    case "lane.internal_turn_asked": {
      const { ask, hints, lane, sessionId, tenantId, timeoutMillis } = event
      return [send(Session, sessionEntityId(tenantId, sessionId), "TurnAsked", { lane, ask, timeoutMillis, hints })]
    }
    case "lane.internal_turn_unused":
      return turnOf(before.turns, event.sessionId)?.step === "asked"
        ? [giveBack(before, event, { _tag: "unused" })]
        : []
    default:
      return returnsOf(event, before)
  }
}

const returnsOf = (event: LaneEvent, before: LaneState): ReadonlyArray<Outgoing> => {
  const use = useOf(event)
  if (use === undefined || !("taskId" in event)) return []
  const running = runningOf(before, event.taskId)
  const sessionId = running?.onTurn === true ? running.task.sessionId : undefined
  const lease = turnOf(before.turns, sessionId)
  return sessionId === undefined || lease?.step !== "held" ? [] : [giveBack(before, { sessionId, ask: lease.ask }, use)]
}
