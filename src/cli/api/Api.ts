/** Port: the operations of the public API that the commands use, in the types of the protocol. */
import { Context, type Effect, Schema, type Stream } from "effect"
import type {
  AbortSession,
  CancelledTask,
  CancelledTasks,
  CancelTasks,
  ConfigureLane,
  CreateSession,
  InstanceHealthReport,
  InstanceLogs,
  InstanceMetrics,
  InstanceRegistration,
  LogLevelName,
  ReplayedTasks,
  ReplayTasks,
  SendTurn,
  SteerSession,
  SubmitReceipts,
  UpdatedInstance,
  UpdateInstance
} from "../../rpc/Requests.ts"
import type { ApiKeyInfo, CreatedKey, CreateKey } from "../../schema/Access.ts"
import type { RunnerStatus, ShardGroup } from "../../schema/Cluster.ts"
import type {
  ActorUnavailable,
  Conflict,
  Forbidden,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded,
  PayloadTooLarge,
  Unauthenticated
} from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import type { InstanceId, LaneName, Placement, SessionId, TaskId, TenantId } from "../../schema/Ids.ts"
import type { DriverKind, InstanceHealth, InstancePhase, InstanceStatus } from "../../schema/Instance.ts"
import type { LaneStatus } from "../../schema/Lane.ts"
import type { Principal } from "../../schema/Principal.ts"
import type { SessionStatus, TurnStatus } from "../../schema/Session.ts"
import type { OutputPart } from "../../schema/Output.ts"
import type { TaskStatus, TaskSubmission } from "../../schema/Task.ts"
import type { TaskFilter } from "../../schema/TaskFilter.ts"

/** The command cannot start: a flag, a variable or a file is invalid. */
export class BadSetup extends Schema.TaggedError<BadSetup>()("BadSetup", { message: Schema.String }) {}

/**
 * The gateway could not be reached, or the server at this address is not a Clawster gateway. Whether a command was
 * executed is unknown.
 */
export class ApiUnreachable extends Schema.TaggedError<ApiUnreachable>()("ApiUnreachable", {
  url: Schema.String,
  message: Schema.String
}) {}

export type ApiError =
  | ApiUnreachable
  | InvalidInput
  | Unauthenticated
  | Forbidden
  | NotFound
  | Conflict
  | IdempotencyConflict
  | PayloadTooLarge
  | Overloaded
  | ActorUnavailable
  | BadSetup

type Call<A> = Effect.Effect<A, ApiError>

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next?: string
  readonly position: Cursor
}

export interface PageRequest {
  readonly tenantId?: TenantId | undefined
  readonly after?: string | undefined
  /** From 1 to 1,000. */
  readonly limit: number
}

/** A task of a tenant. Set `tenantId` only with a key that has no tenant. */
export interface TaskAddress {
  readonly taskId: TaskId
  readonly tenantId?: TenantId | undefined
}

export interface SessionAddress {
  readonly sessionId: SessionId
  readonly tenantId?: TenantId | undefined
}

export interface LaneAddress {
  readonly lane: LaneName
  readonly tenantId?: TenantId | undefined
}

/** All given conditions must hold. */
export interface InstanceWish {
  readonly health?: InstanceHealth | undefined
  readonly phase?: InstancePhase | undefined
  readonly driver?: DriverKind | undefined
  readonly placement?: Placement | undefined
  readonly capability?: string | undefined
}

export interface LogQuery {
  readonly limit: number
  readonly since?: number | undefined
  readonly level?: LogLevelName | undefined
  readonly search?: string | undefined
}

/** Only events about this task, session or instance. */
export interface Subject {
  readonly taskId?: TaskId | undefined
  readonly sessionId?: SessionId | undefined
  readonly instanceId?: InstanceId | undefined
}

export interface Mutation {
  /** Generated when absent, so that a retry of one call is the same command. */
  readonly idempotencyKey?: string | undefined
}

export class Api extends Context.Service<
  Api,
  {
    /** URL of the gateway. */
    readonly url: Call<string>
    readonly me: Call<Principal>
    readonly tasks: {
      /** At most 1,000 tasks of one lane; all are accepted or none is. */
      readonly submit: (tasks: ReadonlyArray<TaskSubmission>, options: Mutation) => Call<SubmitReceipts>
      readonly get: (address: TaskAddress) => Call<TaskStatus>
      /** A part of the result: from the beginning, or from `next` of the previous part. */
      readonly result: (address: TaskAddress & { readonly from?: number | undefined }) => Call<OutputPart>
      readonly list: (request: PageRequest & TaskFilter) => Call<Page<TaskStatus>>
      readonly cancel: (address: TaskAddress & { readonly reason?: string | undefined }) => Call<CancelledTask>
      readonly cancelMany: (request: CancelTasks) => Call<CancelledTasks>
      readonly replay: (request: ReplayTasks) => Call<ReplayedTasks>
      readonly events: (
        request: TaskAddress & { readonly after?: Cursor | undefined; readonly limit: number }
      ) => Call<Page<FeedEvent>>
      /** Returns when the task has ended, or with its current status after `millis`, at most 60,000. */
      readonly wait: (request: TaskAddress & { readonly millis: number }) => Call<TaskStatus>
    }
    readonly instances: {
      readonly register: (registration: InstanceRegistration) => Call<InstanceStatus>
      readonly update: (instanceId: InstanceId, update: UpdateInstance) => Call<UpdatedInstance>
      readonly list: (request: PageRequest & InstanceWish) => Call<Page<InstanceStatus>>
      readonly get: (instanceId: InstanceId) => Call<InstanceStatus>
      readonly health: (instanceId: InstanceId) => Call<InstanceHealthReport>
      readonly start: (instanceId: InstanceId) => Call<InstanceStatus>
      readonly stop: (instanceId: InstanceId, graceMillis: number | undefined) => Call<InstanceStatus>
      readonly drain: (instanceId: InstanceId, deadlineMillis: number | undefined) => Call<InstanceStatus>
      readonly deregister: (instanceId: InstanceId, force: boolean) => Call<InstanceStatus>
      readonly logs: (instanceId: InstanceId, query: LogQuery) => Call<InstanceLogs>
      readonly metrics: (instanceId: InstanceId) => Call<InstanceMetrics>
    }
    readonly sessions: {
      readonly create: (request: CreateSession) => Call<SessionStatus>
      readonly get: (address: SessionAddress) => Call<SessionStatus>
      readonly list: (request: PageRequest) => Call<Page<SessionStatus>>
      readonly send: (address: SessionAddress, turn: SendTurn, options: Mutation) => Call<TurnStatus>
      readonly steer: (address: SessionAddress, request: SteerSession) => Call<TurnStatus>
      readonly turnResult: (
        address: SessionAddress & { readonly turnId: string; readonly from?: number | undefined }
      ) => Call<OutputPart>
      readonly waitTurn: (
        address: SessionAddress & { readonly turnId: string; readonly millis: number }
      ) => Call<TurnStatus>
      readonly abort: (address: SessionAddress, request: AbortSession) => Call<SessionStatus>
      readonly move: (address: SessionAddress, instanceId: InstanceId | undefined) => Call<SessionStatus>
      readonly terminate: (address: SessionAddress) => Call<SessionStatus>
    }
    readonly lanes: {
      readonly get: (address: LaneAddress) => Call<LaneStatus>
      readonly list: (request: PageRequest) => Call<Page<LaneStatus>>
      readonly configure: (address: LaneAddress, config: ConfigureLane) => Call<LaneStatus>
    }
    readonly keys: {
      readonly create: (request: CreateKey) => Call<CreatedKey>
      readonly list: (request: {
        readonly after?: string | undefined
        readonly limit: number
      }) => Call<Page<ApiKeyInfo>>
      readonly revoke: (keyId: string) => Call<ApiKeyInfo>
    }
    /** Requires at least the role operator. */
    readonly cluster: {
      readonly runners: Call<ReadonlyArray<RunnerStatus>>
      readonly shards: Call<ReadonlyArray<ShardGroup>>
    }
    /** The current position of the feed. */
    readonly position: Call<Cursor>
    /**
     * All events after `after`, or from now on, without gap or repeat. The stream continues when connections are lost.
     */
    readonly follow: (
      request: Subject & { readonly after?: Cursor | undefined; readonly tenantId?: TenantId | undefined }
    ) => Stream.Stream<FeedEvent, ApiError>
  }
>()("clawster/cli/api/Api") {}
