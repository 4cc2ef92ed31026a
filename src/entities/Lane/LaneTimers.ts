/**
 * Every wait of a lane ends by one of five timers: `attempts` (running attempts without a report), `deadline` (tasks
 * that have not started), `promote` (scheduled tasks whose time has come), `slots` (slots that are not used), `turns`
 * (turns of sessions that are asked for, or that were denied). Each timer is due at or before the earliest that it is
 * for; `slots` up to 5 s after it.
 */
import type { DecideContext, Decision, Timer } from "../../actor/Actor.ts"
import { note } from "../../actor/Actor.ts"
import { HashMap } from "effect"
import type { LaneEvent } from "../../schema/events/LaneEvents.ts"
import { settleLost } from "./dispatch/Attempts.ts"
import { draft } from "./LaneEvolve.ts"
import { type LaneState, unheldPlace, waiting } from "./LaneState.ts"
import { deadlineExceeded } from "./backlog/PageDecisions.ts"
import { unheld } from "./backlog/BacklogWindow.ts"
import { idleAt, returnIdle } from "./slots/SlotDecisions.ts"
import { renewTurns, turnsDueAt } from "./turns/TurnDecisions.ts"

const batchMax = 256

export const timers = (state: LaneState): ReadonlyArray<Timer> => {
  const soonest = state.scheduled.entries[0]
  return [
    ...(state.watch === null ? [] : [{ key: "attempts", at: state.watch }]),
    ...(state.deadline === null ? [] : [{ key: "deadline", at: state.deadline }]),
    ...(idleAt(state) === Infinity ? [] : [{ key: "slots", at: idleAt(state) }]),
    ...(HashMap.isEmpty(state.turns) || turnsDueAt(state) === Infinity
      ? []
      : [{ key: "turns", at: turnsDueAt(state) }]),
    ...(soonest === undefined ? [] : [{ key: "promote", at: soonest.notBefore ?? 0 }])
  ]
}

export const onTimer = (state: LaneState, key: string, context: DecideContext): Decision<LaneEvent, void, never> => {
  switch (key) {
    case "attempts":
      return settleLost(state, context)
    case "deadline":
      return expire(state, context)
    case "slots":
      return returnIdle(state, context)
    case "turns":
      return renewTurns(state, context)
    default:
      return promote(state, context)
  }
}

const promote = (
  { lane, scheduled, tenantId }: LaneState,
  { now }: DecideContext
): Decision<LaneEvent, void, never> => {
  const due = scheduled.entries.filter(({ notBefore = 0 }) => notBefore <= now).slice(0, batchMax)
  if (due.length === 0) return note([])
  return note([
    {
      _tag: "lane.internal_promoted",
      tenantId,
      lane,
      at: now,
      taskIds: due.map(({ task }) => task.taskId)
    }
  ])
}

/** Fails the held tasks that are past their deadline, then requests a sweep of the rows that are not held. */
const expire = (state: LaneState, { now }: DecideContext): Decision<LaneEvent, void, never> => {
  const { lane, pending, scheduled, tenantId } = state
  const change = draft(state)
  let next = Infinity
  for (const found of waiting(state)) {
    const { deadlineAt = Infinity, taskId } = found.task.task
    if (deadlineAt > now || change.events.length >= batchMax) {
      next = Math.min(next, deadlineAt)
      continue
    }
    change.emit(deadlineExceeded(state, taskId, deadlineAt, now, unheldPlace(change.state, found)))
  }
  const hasRows = unheld(pending) + unheld(scheduled) > 0
  change.emit({
    _tag: "lane.internal_deadline_moved",
    tenantId,
    lane,
    at: now,
    next: next === Infinity ? null : next,
    sweep: hasRows
  })
  return change.accept(undefined)
}
