/** What an instance is given of a task to run. */
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import { gatewaySessionKey, type TenantId } from "../../../schema/Ids.ts"
import type { HeldTask } from "../../../schema/Task.ts"
import { laneRef } from "../LaneRefs.ts"
import type { LaneState } from "../LaneState.ts"

/** The gateway's session in which the task runs. */
export const sessionKeyOf = (
  tenantId: TenantId,
  { sessionId, taskId }: { readonly sessionId?: HeldTask["sessionId"]; readonly taskId: HeldTask["taskId"] }
): string => gatewaySessionKey(tenantId, sessionId ?? taskId)

export const attemptOf = (
  state: Pick<LaneState, "lane" | "tenantId">,
  { task }: { readonly task: HeldTask },
  attempt: number
): Attempt => {
  const {
    hints,
    payload: { extraSystemPrompt, message, thinking },
    sessionId,
    taskId,
    timeoutMillis,
    traceparent
  } = task
  const model = task.payload.model ?? hints.model
  return {
    runKey: `${taskId}.${attempt}`,
    origin: laneRef(state),
    tenantId: state.tenantId,
    taskId,
    ...(sessionId === undefined ? {} : { sessionId }),
    sessionKey: sessionKeyOf(state.tenantId, { sessionId, taskId }),
    ...(message === undefined ? {} : { message }),
    timeoutMillis,
    ...(model === undefined ? {} : { model }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(extraSystemPrompt === undefined ? {} : { extraSystemPrompt }),
    ...(traceparent === undefined ? {} : { traceparent })
  }
}
