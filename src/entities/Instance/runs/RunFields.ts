/** The fields that events of one run have in common. */
import { type Attempt, sessionOf } from "../../../schema/runs/Attempt.ts"
import type { InstanceId } from "../../../schema/Ids.ts"

export const runFields = (instanceId: InstanceId, attempt: Attempt) => {
  const { runKey, taskId, tenantId, turnId } = attempt
  const sessionId = sessionOf(attempt)
  return {
    instanceId,
    tenantId,
    ...(taskId === undefined ? {} : { taskId }),
    ...(turnId === undefined ? {} : { turnId }),
    ...(sessionId === undefined ? {} : { sessionId }),
    runKey
  }
}
