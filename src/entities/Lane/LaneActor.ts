/**
 * The Lane actor: order, concurrency, rate, retries and dead letters of one tenant's tasks of one kind. It is pure;
 * LaneLayer.ts runs it.
 *
 * An acknowledged task ends in exactly one of completed, failed, cancelled and dead-lettered (I2). At most
 * `concurrency` tasks run at once (I6). Of the tasks that an instance can take, the first by rank starts first, by the
 * state that the dispatch plan was made from (I7).
 */
import { HashMap } from "effect"
import { accept, answer, type Decision, define, note } from "../../actor/Actor.ts"
import { LaneEvent } from "../../schema/events/LaneEvents.ts"
import { changedConfig, LaneStatus } from "../../schema/Lane.ts"
import { Lane } from "../Lane.ts"
import { assign } from "./dispatch/StartTasks.ts"
import { attemptEnded, attemptRefused } from "./dispatch/Attempts.ts"
import { cancel, cancelTasks, cancelWhere } from "./commands/Cancel.ts"
import { evolve } from "./LaneEvolve.ts"
import { explain, explainMany } from "./commands/Explain.ts"
import { giveUp } from "./dispatch/GiveUp.ts"
import type { LaneSignal } from "./LaneSignal.ts"
import { initial, isEnded, LaneState, statusOf, wantsDispatch } from "./LaneState.ts"
import { replay } from "./commands/Replay.ts"
import { deadPage, found, overdue, page } from "./backlog/PageDecisions.ts"
import { submit } from "./commands/Submit.ts"
import { rows, taskTable } from "./backlog/TaskRow.ts"
import { settling, slotSends, slotsGranted, slotsRecalled, slotsRevoked, slotsVoid } from "./slots/SlotDecisions.ts"
import { retells, rollCall } from "./slots/SlotRuns.ts"
import { sends } from "./TaskReceivers.ts"
import { releasing, turnDenied, turnGranted, turnRecalled, turnSends } from "./turns/TurnDecisions.ts"
import { onTimer, timers } from "./LaneTimers.ts"

export interface LaneActivity {
  readonly key: string
  readonly _tag: "Dispatch" | "WatchAttempts" | "RefillPending" | "RefillScheduled" | "RefillDead" | "LookUp" | "Sweep"
}

const attemptsWatch: LaneActivity = { _tag: "WatchAttempts", key: "attempts" }

/**
 * The activities that should be running. A changed key means a new read, or a new dispatch activity for a parked lane.
 */
export const activities = (state: LaneState): ReadonlyArray<LaneActivity> => {
  const { dead, lookups, pending, round, running, scheduled, slots, sweep, voids } = state
  const wanted: Array<LaneActivity> = []
  if (wantsDispatch(state)) wanted.push({ _tag: "Dispatch", key: `dispatch:${round}` })
  if (!HashMap.isEmpty(running) || !HashMap.isEmpty(slots)) {
    wanted.push(voids === 0 ? attemptsWatch : { _tag: "WatchAttempts", key: `attempts:${voids}` })
  }
  if (pending.refill !== null) wanted.push({ _tag: "RefillPending", key: `pending:${pending.refill.seq}` })
  if (scheduled.refill !== null) wanted.push({ _tag: "RefillScheduled", key: `scheduled:${scheduled.refill.seq}` })
  if (dead.refill !== null) wanted.push({ _tag: "RefillDead", key: `dead:${dead.refill.seq}` })
  if (lookups.length > 0) wanted.push({ _tag: "LookUp", key: "lookups" })
  if (sweep % 2 === 1) wanted.push({ _tag: "Sweep", key: `deadlines:${sweep}` })
  return wanted
}

const signal = (
  state: LaneState,
  report: LaneSignal,
  context: Parameters<typeof assign>[2]
): Decision<LaneEvent, void, never> => {
  switch (report._tag) {
    case "Assign":
      return assign(state, report, context)
    case "GiveUp":
      return giveUp(state, report, context)
    case "SlotsVoid":
      return slotsVoid(state, report, context)
    case "Page":
      return page(state, report, context)
    case "DeadPage":
      return deadPage(state, report, context)
    case "Found":
      return found(state, report, context)
    case "Overdue":
      return overdue(state, report, context)
    case "Rewind":
      return note(
        state.pending.gap === null
          ? []
          : [{ _tag: "lane.internal_rewound", tenantId: state.tenantId, lane: state.lane, at: context.now }]
      )
  }
}

export const LaneActor = define<LaneState, LaneEvent, LaneSignal, LaneActivity>()({
  entity: Lane,
  state: LaneState,
  event: LaneEvent,
  stateVersion: 1,
  initial,
  evolve,
  commands: {
    Submit: submit,
    Cancel: releasing(cancel),
    CancelTasks: releasing(cancelTasks),
    CancelWhere: releasing(cancelWhere),
    Replay: replay,
    SlotsGranted: settling(slotsGranted),
    SlotsRecalled: settling(slotsRecalled),
    SlotsRevoked: slotsRevoked,
    TurnGranted: turnGranted,
    TurnDenied: turnDenied,
    TurnRecalled: turnRecalled,
    RollCall: rollCall,
    /** Waiting tasks keep the rank they were given. */
    Configure: (state, { change, config: whole }, { now }) => {
      const { lane, tenantId } = state
      const config = change === undefined ? whole : changedConfig(state.config, change)
      const event = { _tag: "lane.configured" as const, tenantId, lane, at: now, config }
      return accept([event], statusOf(evolve(state, event)))
    },
    LaneGet: (state) => answer(statusOf(state)),
    Explain: explain,
    ExplainMany: explainMany,
    AttemptEnded: settling(attemptEnded),
    AttemptRefused: settling(attemptRefused)
  },
  signal: settling(signal),
  timers,
  onTimer: settling(releasing(onTimer)),
  activities,
  view: { schema: LaneStatus, of: (state) => ({ tenantId: state.tenantId, doc: statusOf(state) }) },
  isEnded,
  tables: [taskTable],
  rows,
  retells,
  sends: (event, before) => [...sends(event, before), ...slotSends(event, before), ...turnSends(event, before)],
  snapshotEvery: 1_000
})
