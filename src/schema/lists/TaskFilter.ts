/** Filters and order of task lists. */
import { Schema } from "effect"
import { bounds, instant, nonEmptyText } from "../text/Bounds.ts"
import { InstanceId, LaneName, SessionId, WorkspaceId } from "../Ids.ts"
import type { TaskPhase } from "../Task.ts"
export const ListOrder = Schema.Literals(["newest", "oldest"])
export type ListOrder = typeof ListOrder.Type

const described = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(schema.annotate({ description }) as unknown as S)

/** All given conditions must hold. */
export const taskFilter = {
  lane: Schema.optionalKey(LaneName),
  instanceId: described(InstanceId, "Of the attempt that runs, ran last, or is to be tried again."),
  errorCode: described(nonEmptyText(bounds.errorCode), "Of the latest error, such as `AttemptTimeout`."),
  sessionId: described(SessionId, "The session that the task named."),
  workspaceId: described(WorkspaceId, "The workspace that the task named."),
  submittedFrom: described(instant, "Unix milliseconds, included."),
  submittedTo: described(instant, "Unix milliseconds, not included."),
  endedFrom: described(instant, "Unix milliseconds, included: only tasks that have ended, in the order of their ends."),
  endedTo: described(
    instant,
    "Unix milliseconds, not included: only tasks that have ended, in the order of their ends."
  ),
  order: described(ListOrder, "`newest` first when absent: by submission, or by end when the list is filtered by it.")
}

export interface TaskFilter {
  readonly lane?: LaneName | undefined
  readonly phases?: ReadonlyArray<TaskPhase> | undefined
  readonly instanceId?: InstanceId | undefined
  readonly errorCode?: string | undefined
  readonly sessionId?: SessionId | undefined
  readonly workspaceId?: WorkspaceId | undefined
  readonly submittedFrom?: number | undefined
  readonly submittedTo?: number | undefined
  readonly endedFrom?: number | undefined
  readonly endedTo?: number | undefined
  readonly order?: ListOrder | undefined
}

/**
 * Position of the last task of a page: the timestamp by which the list is ordered, and ids to distinguish tasks with
 * the same timestamp.
 */
export interface TaskPlace {
  readonly at: number
  readonly taskId: string
  readonly tenantId: string
}

const placePattern = /^(\d{1,16})~([A-Za-z0-9._-]{1,128})(?:~([A-Za-z0-9._-]{1,128}))?$/u

export const toPlaceToken = ({ at, taskId, tenantId }: TaskPlace): string => `${at}~${taskId}~${tenantId}`

/** Undefined when the text is not such a token. Older tokens, which do not contain the tenant, are still accepted. */
export const fromPlaceToken = (token: string): TaskPlace | undefined => {
  const [, at, taskId, tenantId = ""] = placePattern.exec(token) ?? []
  return at === undefined || !Number.isSafeInteger(Number(at))
    ? undefined
    : { at: Number(at), taskId: taskId!, tenantId }
}
