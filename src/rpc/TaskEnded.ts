/** What the lane tells the receiver of a task (`TaskSpec.receiver`), an actor that has this command in its protocol. */
import { Schema } from "effect"
import { command } from "../actor/Protocol.ts"
import { LaneName, TaskId, TenantId } from "../schema/Ids.ts"
import { TaskError, TaskResult } from "../schema/Task.ts"

/**
 * Sent once for each end of the task, in the commit that ends it. `dropped` and `refused`: the lane did not accept the
 * task, and it may be submitted again under the same id. A `dead_lettered` task that is replayed ends again, and its
 * end is told again: `attempt` is then larger.
 */
export const TaskEnded = command("TaskEnded", {
  payload: {
    tenantId: TenantId,
    lane: LaneName,
    taskId: TaskId,
    outcome: Schema.Literals(["completed", "failed", "cancelled", "dead_lettered", "dropped", "refused"]),
    /** Attempts so far. Absent when the task waited outside the lane's memory, or was never accepted. */
    attempt: Schema.optionalKey(Schema.Int),
    /** Of a completed task. */
    result: Schema.optionalKey(TaskResult),
    /** Of a failed or dead-lettered task. */
    error: Schema.optionalKey(TaskError),
    /** Of a cancelled, dropped or refused task. */
    reason: Schema.optionalKey(Schema.String),
    /** Of a refused task: milliseconds after which the lane may have room. */
    retryAfterMillis: Schema.optionalKey(Schema.Int)
  }
})
export type TaskEnd = typeof TaskEnded.payloadSchema.Type
