/**
 * The read side: lists, single rows and the feed. Every list returns the feed position at which it is true, so a client
 * that continues with the feed from there misses nothing and sees nothing twice.
 */
import { Context, type Effect, type Stream } from "effect"
import type { ActorUnavailable, InvalidInput } from "../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../schema/feed/Feed.ts"
import type { FeedGap } from "../schema/feed/FeedNotice.ts"
import type { LaneName, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { TurnPlace, TurnStatus } from "../schema/Session.ts"
import type { TaskPhase, TaskStatus } from "../schema/Task.ts"
import type { TaskFilter, TaskPlace } from "../schema/lists/TaskFilter.ts"

/** `next` is the `after` of the following page; absent on the last page. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next?: string
  readonly position: Cursor
}

export interface PageOptions {
  /** Absent for all tenants. */
  readonly tenantId?: TenantId | undefined
  readonly after?: string | undefined
  /** At most 1,000. */
  readonly limit: number
}

export interface TaskListOptions extends TaskFilter {
  /** Absent for all tenants. */
  readonly tenantId?: TenantId | undefined
  readonly after?: TaskPlace | undefined
  /** At most 1,000. */
  readonly limit: number
}

/** What the row of a task holds about its submission. */
export interface StoredSubmission {
  readonly lane: LaneName
  readonly phase: TaskPhase
  readonly submittedAt: number
  readonly fingerprint: string | undefined
  /** The spec as stored. Only set when there is no fingerprint. */
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
     * Ordered by submission time, or by end time when the filter bounds the end; newest first unless the filter says
     * otherwise. A result is shown by its beginning (`isPreview`). One page scans a bounded number of rows, so it may
     * be short or empty and still have a `next`.
     */
    readonly list: (options: TaskListOptions) => Effect.Effect<Page<TaskStatus>, ActorUnavailable>
    /** Submissions of those of the tasks that exist. */
    readonly submissions: (
      tenantId: TenantId,
      taskIds: ReadonlyArray<TaskId>
    ) => Effect.Effect<ReadonlyMap<TaskId, StoredSubmission>, ActorUnavailable>
    /** Lanes of those of the tasks that exist, in one read. */
    readonly lanesOf: (
      tenantId: TenantId,
      taskIds: ReadonlyArray<TaskId>
    ) => Effect.Effect<ReadonlyMap<TaskId, LaneName>, ActorUnavailable>
    /**
     * Events about the task, oldest first, from its submission until some seconds after its end. A page consists of
     * whole journal entries, so it may hold a few events more than `limit`; it may be empty and still have a `next`.
     */
    readonly events: (
      task: TaskStatus,
      options: { readonly after?: Cursor | undefined; readonly limit: number }
    ) => Effect.Effect<Page<FeedEvent>, ActorUnavailable>
    /**
     * Sums of the counters that the lanes keep with their commits; no tasks are counted. `pending`, `scheduled`,
     * `running`, `retrying` and `dead_lettered` are current numbers; `retrying` is counted up to 10,000, and retrying
     * tasks beyond that are included in `scheduled`. `completed`, `failed` and `cancelled` are totals since the
     * beginning, whether or not the rows are still kept. Phases without tasks are left out.
     */
    readonly counts: (
      tenantId: TenantId | undefined
    ) => Effect.Effect<Partial<Record<TaskPhase, number>>, ActorUnavailable>
  }
>()("clawster/ports/TaskReads") {}

/** Turns of a session as its commits wrote them. Kept as long as tasks. */
export class TurnReads extends Context.Service<
  TurnReads,
  {
    readonly get: (turn: {
      readonly tenantId: TenantId
      readonly sessionId: SessionId
      readonly turnId: string
    }) => Effect.Effect<TurnStatus | undefined, ActorUnavailable>
    /** Newest first, by the time of acceptance. */
    readonly list: (options: {
      readonly tenantId: TenantId
      readonly sessionId: SessionId
      readonly after?: TurnPlace | undefined
      readonly limit: number
    }) => Effect.Effect<Page<TurnStatus>, ActorUnavailable>
  }
>()("clawster/ports/TurnReads") {}

/** A page of the feed. It is bounded in rows and bytes, so it may have no events and still have advanced the cursor. */
export interface FeedPage {
  readonly events: ReadonlyArray<FeedEvent>
  /** How far the page has read. Continue here, also when it has no events. */
  readonly cursor: Cursor
  /** True when the page reaches the end of the feed. */
  readonly isPresent: boolean
  /** Present when events after the requested position no longer exist. */
  readonly gap?: FeedGap
}

export class Feed extends Context.Service<
  Feed,
  {
    /** Position after everything committed so far. */
    readonly position: Effect.Effect<Cursor, ActorUnavailable>
    /**
     * Fails with `InvalidInput` when this cluster cannot have issued the position: it is ahead of the feed, or belongs
     * to another one. `path` names the caller's field in the error.
     */
    readonly check: (cursor: Cursor, path: string) => Effect.Effect<void, InvalidInput | ActorUnavailable>
    /** Events after `after`, oldest first, in whole journal entries. Internal events and secrets are left out. */
    readonly read: (
      after: Cursor,
      options: { readonly tenantId?: TenantId | undefined; readonly limit: number }
    ) => Effect.Effect<FeedPage, ActorUnavailable>
    /**
     * All events from `after` on as they are committed, and the feed's own notices (FeedNotice.ts). It continues after
     * store outages and never stops at an entry that cannot be shown.
     */
    readonly follow: (after: Cursor, tenantId?: TenantId) => Stream.Stream<FeedEvent>
    /**
     * Age in milliseconds of the oldest entry that is committed and not yet read; 0 when there is none. `after`: the
     * position read so far; absent for what can be read now. `heldBy` tells an operator what delays the feed, if
     * anything does.
     */
    readonly age: (
      after?: Cursor
    ) => Effect.Effect<{ readonly millis: number; readonly heldBy?: string }, ActorUnavailable>
  }
>()("clawster/ports/Feed") {}
