/** Converts a client's submission to the complete task that a lane accepts. */
import { Effect } from "effect"
import * as Traceparent from "../../../observability/Traceparent.ts"
import { InvalidInput } from "../../../schema/Errors.ts"
import { LaneName, TaskId, type TenantId } from "../../../schema/Ids.ts"
import { defaultRetryPolicy, type TaskSpec, type TaskSubmission } from "../../../schema/Task.ts"
import { newId } from "../NewId.ts"

export const defaultLane = LaneName.make("default")
export const defaultTimeoutMillis = 600_000

/** All tasks of one call must go to one lane of one tenant, because they are accepted in one commit. */
export const mixedFault = (tasks: ReadonlyArray<TaskSubmission>): InvalidInput | undefined => {
  const [first] = tasks
  const faults = tasks.flatMap((task, index) =>
    (["tenantId", "lane"] as const)
      .filter((field) => task[field] !== first?.[field])
      .map((field) => ({ path: `tasks[${index}].${field}`, expected: `the same ${field} as tasks[0]` }))
  )
  return faults.length === 0
    ? undefined
    : new InvalidInput({
        message:
          "tasks of one call go to one lane of one tenant, so that all or none are accepted; send a call for each",
        faults: faults.slice(0, 20)
      })
}

/** The traceparent of the current span; without a span, that of a new unsampled trace, for correlation. */
export const currentTraceparent = Effect.map(Traceparent.ensure, (traceparent) => ({ traceparent }))

export const toSpec = Effect.fnUntraced(function* (submission: TaskSubmission, tenantId: TenantId) {
  const { backoffMillis, hints, lane, maxRetries, priority, taskId, tenantId: _, timeoutMillis, ...given } = submission
  const trace = yield* currentTraceparent
  return {
    ...given,
    ...trace,
    tenantId,
    taskId: taskId ?? TaskId.make(yield* newId("t")),
    ...(taskId === undefined ? { idIsNew: true } : {}),
    lane: lane ?? defaultLane,
    priority: priority === "medium" ? "normal" : (priority ?? "normal"),
    hints: hints ?? {},
    retry: {
      maxAttempts: maxRetries === undefined ? defaultRetryPolicy.maxAttempts : maxRetries + 1,
      backoffMillis: backoffMillis ?? defaultRetryPolicy.backoffMillis,
      maxBackoffMillis: Math.max(backoffMillis ?? 0, defaultRetryPolicy.maxBackoffMillis)
    },
    timeoutMillis: timeoutMillis ?? defaultTimeoutMillis
  } satisfies TaskSpec as TaskSpec
})
