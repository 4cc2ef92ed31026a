/**
 * The public RPC group, served over HTTP and WebSocket at `/rpc`. It offers the same operations as REST. Use the typed
 * client (`Client.ts`), which retries calls that failed in transit under the same idempotency key. Clients depend on
 * the tags, so a tag never changes.
 */
import { Context, Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { ApiKeyInfo, CreatedKey, CreateKey, KeyId } from "../schema/Access.ts"
import {
  ActorUnavailable,
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded,
  Unauthenticated
} from "../schema/Errors.ts"
import { bounds, list as listOf, text, within } from "../schema/text/Bounds.ts"
import { RunnerList, ShardList } from "../schema/Cluster.ts"
import { Cursor, FeedEvent } from "../schema/feed/Feed.ts"
import { InstanceId, LaneName, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import { InstanceStatus } from "../schema/Instance.ts"
import { LaneStatus } from "../schema/Lane.ts"
import { pageOf, pageQuery } from "../schema/Page.ts"
import { Principal } from "../schema/Principal.ts"
import { SessionStatus, TurnStatus } from "../schema/Session.ts"
import { OutputPart } from "../schema/Output.ts"
import { TaskPhase, TaskStatus } from "../schema/Task.ts"
import { taskFilter } from "../schema/TaskFilter.ts"
import { type Action, Authentication, RequiredAction } from "./Authentication.ts"
import {
  AbortSession,
  CancelledTask,
  CancelledTasks,
  CancelTask,
  CancelTasks,
  ConfigureLane,
  CreateSession,
  DrainInstance,
  instanceFilter,
  InstanceHealthReport,
  InstanceLoadReport,
  InstanceLogs,
  InstanceMetrics,
  InstanceRegistration,
  logFilter,
  MoveSession,
  phasesMost,
  ReplayedTasks,
  ReplayTasks,
  SendTurn,
  SteerSession,
  StopInstance,
  SubmitReceipts,
  SubmitTasks,
  TurnId,
  WaitMillis,
  UpdatedInstance,
  UpdateInstance
} from "./Requests.ts"

/** Whether the call changes something and therefore carries an idempotency key. */
export const IsChange = Context.Reference<boolean>("clawster/rpc/IsChange", { defaultValue: () => false })

const ReadError = Schema.Union([InvalidInput, NotFound, ActorUnavailable])
const AskError = Schema.Union([InvalidInput, NotFound, Conflict, ActorUnavailable])
const ChangeError = Schema.Union([InvalidInput, NotFound, Conflict, IdempotencyConflict, Overloaded, ActorUnavailable])

const call =
  <E extends Schema.Top>(error: E, isChange: boolean) =>
  <const Tag extends string, Payload extends Schema.Top | Schema.Struct.Fields, Success extends Schema.Top>(
    tag: Tag,
    action: Action,
    payload: Payload,
    success: Success
  ) =>
    Rpc.make(tag, { payload, success, error }).annotate(RequiredAction, action).annotate(IsChange, isChange)

const read = call(ReadError, false)
const ask = call(AskError, false)
const change = call(ChangeError, true)

const tenant = { tenantId: Schema.optionalKey(TenantId) }
const list = { ...tenant, ...pageQuery }
const task = { taskId: TaskId, ...tenant }
const instance = { instanceId: InstanceId }
const session = { sessionId: SessionId, ...tenant }
const turn = { ...session, turnId: TurnId }
const lane = { lane: LaneName, ...tenant }

const partPlace = Schema.optionalKey(within(0, 1_000_000))

export class ClientRpcs extends RpcGroup.make(
  read("Me", "self:read", {}, Principal),

  change("SubmitTasks", "task:write", SubmitTasks.fields, SubmitReceipts),
  read("GetTask", "task:read", task, TaskStatus),
  /** A part of the task's result: from the beginning, or from `next` of the previous part. */
  read("TaskResult", "task:read", { ...task, from: partPlace }, OutputPart),
  read(
    "ListTasks",
    "task:read",
    { ...list, ...taskFilter, phases: Schema.optionalKey(listOf(TaskPhase, phasesMost)) },
    pageOf(TaskStatus)
  ),
  change("CancelTask", "task:write", { ...CancelTask.fields, taskId: TaskId }, CancelledTask),
  change("CancelTasks", "task:write", CancelTasks.fields, CancelledTasks),
  change("ReplayTasks", "task:write", ReplayTasks.fields, ReplayedTasks),
  read(
    "TaskEvents",
    "event:read",
    { ...task, after: Schema.optionalKey(Cursor), limit: pageQuery.limit },
    pageOf(FeedEvent)
  ),
  /** Returns when the task has ended, or with its current status after `millis`. */
  read("WaitTask", "task:read", { ...task, millis: WaitMillis }, TaskStatus),

  change("RegisterInstance", "instance:write", InstanceRegistration.fields, InstanceStatus),
  /** Absent fields keep their value; running work, sessions and history are kept. */
  change("UpdateInstance", "instance:write", { ...instance, update: UpdateInstance }, UpdatedInstance),
  read("ListInstances", "instance:read", { ...list, ...instanceFilter }, pageOf(InstanceStatus)),
  read("GetInstance", "instance:read", instance, InstanceStatus),
  read("InstanceHealth", "instance:read", instance, InstanceHealthReport),
  read("InstanceLoad", "instance:read", instance, InstanceLoadReport),
  ask("InstanceLogs", "instance:read", { ...instance, ...logFilter, limit: within(1, 10_000) }, InstanceLogs),
  ask("InstanceMetrics", "instance:read", instance, InstanceMetrics),
  change("StartInstance", "instance:write", instance, InstanceStatus),
  change("StopInstance", "instance:write", { ...instance, ...StopInstance.fields }, InstanceStatus),
  change("DrainInstance", "instance:write", { ...instance, ...DrainInstance.fields }, InstanceStatus),
  change(
    "DeregisterInstance",
    "instance:write",
    { ...instance, force: Schema.optionalKey(Schema.Boolean) },
    InstanceStatus
  ),

  change("CreateSession", "session:write", CreateSession.fields, SessionStatus),
  read("ListSessions", "session:read", list, pageOf(SessionStatus)),
  read("GetSession", "session:read", session, SessionStatus),
  change("SendTurn", "session:write", { ...session, ...SendTurn.fields }, TurnStatus),
  read("GetTurn", "session:read", turn, TurnStatus),
  read("ListTurns", "session:read", { ...session, ...pageQuery }, pageOf(TurnStatus)),
  read("TurnResult", "session:read", { ...turn, from: partPlace }, OutputPart),
  /** Returns when the turn has ended, or with its current status after `millis`. */
  read("WaitTurn", "session:read", { ...turn, millis: WaitMillis }, TurnStatus),
  change("SteerSession", "session:write", { ...session, ...SteerSession.fields }, TurnStatus),
  change("AbortSession", "session:write", { ...session, ...AbortSession.fields }, SessionStatus),
  /** The next turn starts on that instance. The conversation so far stays at the old gateway. */
  change("MoveSession", "session:write", { ...session, ...MoveSession.fields }, SessionStatus),
  change("TerminateSession", "session:write", session, SessionStatus),

  change("ConfigureLane", "lane:write", { ...lane, config: ConfigureLane }, LaneStatus),
  read("GetLane", "lane:read", lane, LaneStatus),
  read("ListLanes", "lane:read", list, pageOf(LaneStatus)),

  change("CreateKey", "key:write", CreateKey.fields, CreatedKey),
  read("ListKeys", "key:read", pageQuery, pageOf(ApiKeyInfo)),
  change("RevokeKey", "key:write", { keyId: KeyId }, ApiKeyInfo),

  read("ListRunners", "system:read", {}, RunnerList),
  read("ListShards", "system:read", {}, ShardList),

  read("FeedPosition", "event:read", {}, Schema.Struct({ position: Cursor })),
  /**
   * Events after `cursor` (absent: from now on), without gap, repeat or end, including the notices of the feed itself
   * (`schema/feed/FeedNotice.ts`). `types` filters by type, such as `task.*`. Fails with `InvalidInput` for a cursor
   * that this cluster never issued.
   */
  Rpc.make("FollowEvents", {
    payload: {
      ...tenant,
      cursor: Schema.optionalKey(Cursor),
      types: Schema.optionalKey(listOf(text(bounds.label), 64)),
      /** Only events about this task, session or instance. */
      taskId: Schema.optionalKey(TaskId),
      sessionId: Schema.optionalKey(SessionId),
      instanceId: Schema.optionalKey(InstanceId)
    },
    success: FeedEvent,
    error: Schema.Union([InvalidInput, NotFound, ActorUnavailable, Unauthenticated]),
    stream: true
  }).annotate(RequiredAction, "event:read")
).middleware(Authentication) {}
