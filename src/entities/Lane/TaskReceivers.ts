/** Tells the receiver of a task its end, whatever ends it. */
import type { Outgoing } from "../../actor/Actor.ts"
import { sendTo } from "../../actor/Send.ts"
import { type TaskEnd, TaskEnded } from "../../rpc/TaskEnded.ts"
import type { ActorRef } from "../../schema/ActorRef.ts"
import type { LaneEvent } from "../../schema/events/LaneEvents.ts"
import type { TaskSpec } from "../../schema/Task.ts"
import { type Held, held, type LaneState } from "./LaneState.ts"

type Told = Pick<TaskEnd, "outcome" | "result" | "error" | "reason">

interface End {
  readonly told: Told
  /** The receiver as the event names it, of a task that the lane does not hold. */
  readonly receiver?: ActorRef | undefined
}

/** What an event says of a task's end; undefined when it ends none. */
export const endOf = (event: LaneEvent): End | undefined => {
  switch (event._tag) {
    case "task.completed":
      return { told: { outcome: "completed", result: event.result } }
    case "task.dead_lettered":
      return { told: { outcome: "dead_lettered", error: event.error } }
    case "task.failed":
      return {
        told: { outcome: "failed", error: event.error },
        receiver: event.unheld?.receiver ?? event.refused?.task.receiver
      }
    case "task.cancelled":
      return { told: { outcome: "cancelled", ...because(event) }, receiver: event.unheld?.receiver }
    case "task.dropped":
      return { told: { outcome: "dropped", ...because(event) }, receiver: event.receiver }
    default:
      return undefined
  }
}

const because = ({ reason }: { readonly reason?: string }) => (reason === undefined ? {} : { reason })

const attemptOf = (found: Held | undefined) => (found === undefined ? {} : { attempt: found.task.attempt })

/** Tells the receivers of tasks that the lane does not accept. */
export const refusals = (
  { lane, tenantId }: LaneState,
  tasks: ReadonlyArray<TaskSpec>,
  reason: string,
  retryAfterMillis: number
): ReadonlyArray<Outgoing> =>
  tasks.flatMap(({ receiver, taskId }) =>
    receiver === undefined
      ? []
      : [sendTo(receiver, TaskEnded, { tenantId, lane, taskId, outcome: "refused", reason, retryAfterMillis })]
  )

export const sends = (event: LaneEvent, before: LaneState): ReadonlyArray<Outgoing> => {
  const end = endOf(event)
  if (end === undefined || !("taskId" in event)) return []
  const found = end.receiver === undefined ? held(before, event.taskId) : undefined
  const receiver = end.receiver ?? found?.task.task.receiver
  if (receiver === undefined) return []
  const { lane, taskId, tenantId } = event
  return [sendTo(receiver, TaskEnded, { tenantId, lane, taskId, ...end.told, ...attemptOf(found) })]
}
