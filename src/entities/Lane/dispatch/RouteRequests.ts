/** What the router is asked for a waiting task. */
import type { Tried } from "../../../schema/runs/Tried.ts"
import type { HeldTask } from "../../../schema/Task.ts"
import type { RouteRequest } from "../../routing/Filter.ts"
import { isParticular } from "../../routing/Router.ts"
import type { LaneState } from "../LaneState.ts"

const wishes = new WeakMap<HeldTask, string>()

/** A key that is equal for tasks that every filter treats alike. */
export const wishOf = (task: HeldTask): string => {
  let wish = wishes.get(task)
  if (wish === undefined) {
    const { instanceId, maxLatencyMillis, preferredRegion, regionRequired, requiredCapabilities } = task.hints
    const region = regionRequired === true ? preferredRegion : undefined
    wish = JSON.stringify([instanceId, maxLatencyMillis, region, requiredCapabilities, modelOf(task)])
    wishes.set(task, wish)
  }
  return wish
}

const modelOf = ({ hints, payload }: HeldTask): string | undefined => payload.model ?? hints.model

interface Sought {
  readonly task: HeldTask
  readonly tried?: Tried
}

export const requestOf = ({ lastInstanceId, tenantId }: LaneState, { task, tried }: Sought): RouteRequest => {
  const model = modelOf(task)
  const request: RouteRequest = {
    tenantId,
    key: task.taskId,
    hints: model === undefined || model === task.hints.model ? task.hints : { ...task.hints, model },
    sessionId: task.sessionId,
    workspaceId: task.workspaceId,
    lastInstanceId: lastInstanceId ?? undefined,
    tried
  }
  return isParticular(request) ? { ...request, mayWait: true } : request
}
