/** Reports ended tasks to logs and traces. */
import type { Effect } from "effect"
import * as TaskSpan from "../../observability/TaskSpan.ts"
import type { LaneEvent } from "../../schema/events/LaneEvents.ts"
import { held, type LaneState } from "./LaneState.ts"
import { endOf } from "./TaskReceivers.ts"

/** A task that the lane dropped was never accepted: it has no span. */
const spanOf = (event: LaneEvent, before: LaneState): TaskSpan.TaskEnd | undefined => {
  const told = endOf(event)?.told
  if (told === undefined || told.outcome === "dropped" || !("taskId" in event)) return undefined
  const found = held(before, event.taskId)
  return {
    outcome: told.outcome,
    ...(told.error === undefined ? {} : { error: told.error }),
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
  TaskSpan.tasksEnded(() => events.flatMap((event) => spanOf(event as LaneEvent, before) ?? []))
