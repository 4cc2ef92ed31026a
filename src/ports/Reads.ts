/**
 * The read side: lists, single rows and the feed. Every list tells the feed position at which it is true, so that who
 * joins list and feed misses nothing and sees nothing twice.
 */
import { Context, type Effect, type Stream } from "effect"
import type { ActorUnavailable, InvalidInput } from "../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../schema/feed/Feed.ts"
import type { FeedGap } from "../schema/feed/FeedNotice.ts"
import type { InstanceId, LaneName, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { InstanceStatus } from "../schema/Instance.ts"
import type { LaneStatus } from "../schema/Lane.ts"
import type { SessionStatus, TurnPlace, TurnStatus } from "../schema/Session.ts"
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

/** What a task's row says of its submission. */
export interface StoredSubmission {
  readonly lane: LaneName
  readonly phase: TaskPhase
  readonly submittedAt: number
  readonly fingerprint: string | undefined
  /** Only where there is no fingerprint; as it is stored. */
  readonly spec: unknown
}

export class TaskReads extends Context.Service<
  TaskReads,
  {
    readonly get: (
      tenantId: TenantId | undefined,
      taskId: TaskId
    ) => Effect.Effect<TaskStatus | undefined, ActorUnavailable>
    /**
     * By submission, or by end when the filter has one of the ends; newest first unless told otherwise. Results are
     * shown by their beginning (`isPreview`). Only so many rows are looked at for one page: one may be short, or empty,
     * and still have a `next`.
     */
    readonly list: (options: TaskListOptions) => Effect.Effect<Page<TaskStatus>, ActorUnavailable>
    /** Of those that there are. */
    readonly submissions: (
      tenantId: TenantId,
      taskIds: ReadonlyArray<TaskId>
    ) => Effect.Effect<ReadonlyMap<TaskId, StoredSubmission>, ActorUnavailable>
    /** The lanes of those that there are, in one read. */
    readonly lanesOf: (
      tenantId: TenantId,
      taskIds: ReadonlyArray<TaskId>
    ) => Effect.Effect<ReadonlyMap<TaskId, LaneName>, ActorUnavailable>
    /**
     * What was said of the task, oldest first: from its submission on, and until some seconds after its end. Whole
     * journal entries, so that a page may hold a few more than `limit`; one may be empty and still have a `next`.
     */
    readonly events: (
      task: TaskStatus,
      options: { readonly after?: Cursor | undefined; readonly limit: number }
    ) => Effect.Effect<Page<FeedEvent>, ActorUnavailable>
    /**
     * Sums of what the lanes keep with their commits; no task is counted. `pending`, `scheduled`, `running`, `retrying`
     * and `dead_lettered` are those of now, of which `retrying` is counted up to 10,000 and the others of them are
     * among `scheduled`. `completed`, `failed` and `cancelled` are all that ever ended so in the lanes there are,
     * whether or not their rows are still kept.
     */
    readonly counts: (
      tenantId: TenantId | undefined
    ) => Effect.Effect<Partial<Record<TaskPhase, number>>, ActorUnavailable>
  }
>()("clawster/ports/TaskReads") {}

/** The views that actors write with their commits. Items are ordered by id. */
export class ViewReads extends Context.Service<
  ViewReads,
  {
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
  }
>()("clawster/ports/ViewReads") {}

/** Turns of a session, as its commits wrote them. Kept as long as tasks are. */
export class TurnReads extends Context.Service<
  TurnReads,
  {
    readonly get: (turn: {
      readonly tenantId: TenantId
      readonly sessionId: SessionId
      readonly turnId: string
    }) => Effect.Effect<TurnStatus | undefined, ActorUnavailable>
    /** Newest first, by acceptance. */
    readonly list: (options: {
      readonly tenantId: TenantId
      readonly sessionId: SessionId
      readonly after?: TurnPlace | undefined
      readonly limit: number
    }) => Effect.Effect<Page<TurnStatus>, ActorUnavailable>
  }
>()("clawster/ports/TurnReads") {}

/** A page of the feed, bounded in rows and bytes, so that it may have no events and still have got further. */
export interface FeedPage {
  readonly events: ReadonlyArray<FeedEvent>
  /** How far was read: where to go on, also when nothing is returned. */
  readonly cursor: Cursor
  /** Whether that is all there was. */
  readonly isPresent: boolean
  /** Present when events after the position that was asked for are no longer there. */
  readonly gap?: FeedGap
}

export class Feed extends Context.Service<
  Feed,
  {
    /** After everything committed so far. */
    readonly position: Effect.Effect<Cursor, ActorUnavailable>
    /**
     * Fails when nobody can have been given the position by this cluster: it is ahead of the feed, or of another one.
     * `path` names the caller's field.
     */
    readonly check: (cursor: Cursor, path: string) => Effect.Effect<void, InvalidInput | ActorUnavailable>
    /** Events after `after`, oldest first, of whole journal entries. Internal events and secrets are left out. */
    readonly read: (
      after: Cursor,
      options: { readonly tenantId?: TenantId | undefined; readonly limit: number }
    ) => Effect.Effect<FeedPage, ActorUnavailable>
    /**
     * Everything from `after` on, as it is committed, with what the feed says of itself (FeedNotice.ts). Follows
     * through store outages, and never stops at an entry that cannot be shown.
     */
    readonly follow: (after: Cursor, tenantId?: TenantId) => Stream.Stream<FeedEvent>
    /**
     * How long ago the oldest entry was written that is committed and not yet read, in milliseconds; 0 when there is
     * none. `after`: what was read so far; absent: what can be read. `heldBy` tells an operator what holds the feed
     * back, when something does.
     */
    readonly age: (
      after?: Cursor
    ) => Effect.Effect<{ readonly millis: number; readonly heldBy?: string }, ActorUnavailable>
  }
>()("clawster/ports/Feed") {}
