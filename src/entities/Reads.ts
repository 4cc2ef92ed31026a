/**
 * The read side: lists, single rows and the feed. Every list tells the feed position at which it is true, so that who joins
 * list and feed misses nothing and sees nothing twice.
 */
import { Context, type Effect, type Stream } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../schema/Feed.ts"
import type { InstanceId, LaneName, TaskId, TenantId } from "../schema/Ids.ts"
import type { InstanceStatus } from "../schema/Instance.ts"
import type { LaneStatus } from "../schema/Lane.ts"
import type { SessionStatus } from "../schema/Session.ts"
import type { TaskPhase, TaskStatus } from "../schema/Task.ts"
import type { TaskFilter, TaskPlace } from "../schema/TaskFilter.ts"

/** `next` is what to pass as `after` for the following page; absent on the last. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next?: string
  readonly position: Cursor
}

export interface PageOptions {
  /** Absent: all tenants. */
  readonly tenantId?: TenantId | undefined
  readonly after?: string | undefined
  /** At most 1,000. */
  readonly limit: number
}

export interface TaskListOptions extends TaskFilter {
  /** Absent: all tenants. */
  readonly tenantId?: TenantId | undefined
  readonly after?: TaskPlace | undefined
  /** At most 1,000. */
  readonly limit: number
}

export class TaskReads extends Context.Service<TaskReads, {
  readonly get: (tenantId: TenantId | undefined, taskId: TaskId) => Effect.Effect<TaskStatus | undefined, ActorUnavailable>
  /**
   * By submission, or by end when the filter has one of the ends; newest first unless told otherwise. Results are shown by their beginning (`isPreview`).
   * Only so many rows are looked at for one page: one may be short, or empty, and still have a `next`.
   */
  readonly list: (options: TaskListOptions) => Effect.Effect<Page<TaskStatus>, ActorUnavailable>
  /** The lanes of those that there are, in one read. */
  readonly lanesOf: (
    tenantId: TenantId,
    taskIds: ReadonlyArray<TaskId>
  ) => Effect.Effect<ReadonlyMap<TaskId, LaneName>, ActorUnavailable>
  /**
   * What was said of the task, oldest first: from its submission on, and until some seconds after its end. Whole journal entries, so that a page may hold
   * a few more than `limit`; one may be empty and still have a `next`.
   */
  readonly events: (
    task: TaskStatus,
    options: { readonly after?: Cursor | undefined; readonly limit: number }
  ) => Effect.Effect<Page<FeedEvent>, ActorUnavailable>
  /**
   * Sums of what the lanes keep with their commits; no task is counted. `pending`, `scheduled`, `running`, `retrying` and `dead_lettered` are those of
   * now, of which `retrying` is counted up to 10,000 and the others of them are among `scheduled`. `completed`, `failed` and `cancelled` are all that
   * ever ended so in the lanes there are, whether or not their rows are still kept.
   */
  readonly counts: (tenantId: TenantId | undefined) => Effect.Effect<Partial<Record<TaskPhase, number>>, ActorUnavailable>
}>()("clawster/entities/TaskReads") {}

/** The views that actors write with their commits. Items are ordered by id. */
export class ViewReads extends Context.Service<ViewReads, {
  readonly instances: (options: PageOptions) => Effect.Effect<Page<InstanceStatus>, ActorUnavailable>
  readonly instance: (instanceId: InstanceId) => Effect.Effect<InstanceStatus | undefined, ActorUnavailable>
  /** Names the cluster for as long as its data lives, also over a dump and restore. */
  readonly cluster: Effect.Effect<string, ActorUnavailable>
  readonly sessions: (options: PageOptions) => Effect.Effect<Page<SessionStatus>, ActorUnavailable>
  /** `having`: only lanes that have some of these. */
  readonly lanes: (
    options: PageOptions & {
      readonly having?: ReadonlyArray<"pending" | "scheduled" | "running" | "deadLettered"> | undefined
    }
  ) => Effect.Effect<Page<LaneStatus>, ActorUnavailable>
}>()("clawster/entities/ViewReads") {}

export class Feed extends Context.Service<Feed, {
  /** After everything committed so far. */
  readonly position: Effect.Effect<Cursor, ActorUnavailable>
  /** Events after `after`, oldest first; `cursor` is where to go on, also when nothing is returned. Internal events and secrets are left out. */
  readonly read: (
    after: Cursor,
    options: { readonly tenantId?: TenantId | undefined; readonly limit: number }
  ) => Effect.Effect<{ readonly events: ReadonlyArray<FeedEvent>; readonly cursor: Cursor }, ActorUnavailable>
  /** Everything from `after` on, as it is committed. Follows through store outages. */
  readonly follow: (after: Cursor, tenantId?: TenantId) => Stream.Stream<FeedEvent>
}>()("clawster/entities/Feed") {}
