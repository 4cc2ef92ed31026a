/** Reports ended tasks to logs and traces. */
import type { Effect } from "effect"
import * as TaskSpan from "../../observability/TaskSpan.ts"
import type { LaneEvent } from "../../schema/events/LaneEvents.ts"
import { held, type LaneState } from "./LaneState.ts"

type Fact = { readonly outcome: string; readonly error?: { readonly code: string; readonly message: string } }

/** Undefined when the event ends no task. */
const factOf = (event: LaneEvent): Fact | undefined => {
  switch (event._tag) {
    case "task.completed":
      return { outcome: "completed" }
    case "task.cancelled":
      return { outcome: "cancelled" }
    case "task.failed":
      return { outcome: "failed", error: event.error }
    case "task.dead_lettered":
      return { outcome: "dead_lettered", error: event.error }
    default:
      return undefined
  }
}

const endOf = (event: LaneEvent, before: LaneState): TaskSpan.TaskEnd | undefined => {
  const fact = factOf(event)
  if (fact === undefined || !("taskId" in event)) return undefined
  const found = held(before, event.taskId)
  return {
    ...fact,
    taskId: event.taskId,
    tenantId: event.tenantId,
    submittedAt: found?.task.submittedAt ?? event.at,
    endedAt: event.at,
    traceparent: found?.task.task.traceparent,
    sessionId: found?.task.task.sessionId,
    attempt: found?.task.attempt,
    instanceId: found?.where === "running" ? found.task.instanceId : undefined
  }
}

/**
 * `events` are encoded, as committed. A task that the lane did not hold is reported without its trace, and with the
 * time of the event as its submission time.
 */
export const reportEnds = (events: ReadonlyArray<{ readonly _tag: string }>, before: LaneState): Effect.Effect<void> =>
  TaskSpan.tasksEnded(() => events.flatMap((event) => endOf(event as LaneEvent, before) ?? []))
