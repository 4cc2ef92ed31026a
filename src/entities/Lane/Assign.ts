/** Starts what the router has placed. The signal proposes, from a state that may be older; what no longer holds is passed over. */
import { HashMap } from "effect"
import { type DecideContext, type Decision, note, type Outgoing } from "../../actor/Actor.ts"
import { send } from "../../actor/Send.ts"
import type { Attempt } from "../../rpc/AttemptRpcs.ts"
import type { LaneEvent, Wait, WaitingTask } from "../../schema/events/LaneEvents.ts"
import {
  gatewaySessionKey,
  type InstanceId,
  instanceEntityId,
  laneEntityId,
  type Placement,
  type TaskId
} from "../../schema/Ids.ts"
import { Instance } from "../Instance.ts"
import { graceMillis } from "./Attempts.ts"
import { type LaneState, startsAllowed } from "./LaneState.ts"

export interface Pick {
  readonly taskId: TaskId
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly because: string
}

export interface Assign {
  readonly _tag: "Assign"
  readonly picks: ReadonlyArray<Pick>
  /** Set when nothing else that waits can be placed now. */
  readonly parked: { readonly waits: ReadonlyArray<Wait>; readonly skip: boolean } | undefined
}

export const assign = (state: LaneState, signal: Assign, { now }: DecideContext): Decision<LaneEvent, void, never> => {
  const events: Array<LaneEvent> = []
  const sends: Array<Outgoing> = []
  const waiting = new Map(state.pending.entries.map((entry) => [entry.task.taskId, entry]))
  let free = state.config.paused
    ? 0
    : Math.min(state.config.concurrency - HashMap.size(state.running), startsAllowed(state, now))
  const { lane, tenantId } = state
  for (const pick of signal.picks) {
    const entry = waiting.get(pick.taskId)
    if (free < 1 || entry === undefined || (entry.task.deadlineAt ?? Infinity) <= now) continue
    free--
    waiting.delete(pick.taskId)
    const attempt = entry.attempt + 1
    const until = now + entry.task.timeoutMillis + graceMillis
    events.push({ _tag: "task.started", tenantId, lane, at: now, attempt, until, ...pick })
    sends.push(
      send(Instance, instanceEntityId(pick.placement, pick.instanceId), "Execute", {
        attempt: attemptOf(state, entry, attempt)
      })
    )
  }
  if (signal.parked !== undefined) {
    events.push({ _tag: "lane.internal_parked", tenantId, lane, at: now, ...signal.parked })
  }
  return note(events, sends)
}

const attemptOf = ({ lane, tenantId }: LaneState, { task }: WaitingTask, attempt: number): Attempt => {
  const {
    payload: { extraSystemPrompt, message, model, thinking },
    sessionId,
    taskId,
    timeoutMillis,
    traceparent
  } = task
  return {
    runKey: `${taskId}.${attempt}`,
    origin: { entityType: "Lane", entityId: laneEntityId(tenantId, lane) },
    tenantId,
    taskId,
    sessionKey: gatewaySessionKey(tenantId, sessionId ?? taskId),
    message,
    timeoutMillis,
    ...(model === undefined ? {} : { model }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(extraSystemPrompt === undefined ? {} : { extraSystemPrompt }),
    ...(traceparent === undefined ? {} : { traceparent })
  }
}
