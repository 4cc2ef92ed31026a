/** Handlers of the public RPCs, implemented by the use cases. */
import { Effect } from "effect"
import type { RpcGroup } from "effect/rpc"
import { ClusterReads } from "../../ports/ClusterReads.ts"
import { Feed } from "../../ports/Reads.ts"
import { CurrentPrincipal } from "../../rpc/Authentication.ts"
import { ClientRpcs } from "../../rpc/ClientRpcs.ts"
import { Instances } from "../service/instances/Instances.ts"
import { Keys } from "../service/Keys.ts"
import { Lanes } from "../service/tasks/Lanes.ts"
import { Sessions } from "../service/Sessions.ts"
import { Tasks } from "../service/tasks/Tasks.ts"
import { followEvents } from "./FollowEvents.ts"
import { type RpcCall, rpcCall } from "./RpcCall.ts"

export const RpcHandlers = ClientRpcs.toLayer(
  Effect.gen(function* () {
    const call = yield* rpcCall
    const feed = yield* Feed
    return ClientRpcs.of({
      Me: () => CurrentPrincipal,
      ...ofTasks(call, yield* Tasks),
      ...ofInstances(call, yield* Instances),
      ...ofSessions(call, yield* Sessions),
      ...ofLanes(call, yield* Lanes),
      ...ofKeys(call, yield* Keys),
      ...ofCluster(yield* ClusterReads),
      FeedPosition: () => Effect.map(feed.position, (position) => ({ position })),
      FollowEvents: yield* followEvents
    })
  })
)

type Handlers = Partial<RpcGroup.HandlersFrom<RpcGroup.Rpcs<typeof ClientRpcs>>>

const ofTasks = ({ changing, reading }: RpcCall, tasks: Tasks["Service"]) =>
  ({
    SubmitTasks: (payload, incoming) =>
      Effect.flatMap(changing("SubmitTasks", payload, incoming), (call) =>
        Effect.map(tasks.submit(call, payload.tasks), (outcomes) => ({ tasks: outcomes }))
      ),
    GetTask: ({ taskId, tenantId }) => Effect.flatMap(reading, (call) => tasks.get(call, taskId, tenantId)),
    TaskResult: ({ from = 0, taskId, tenantId }) =>
      Effect.flatMap(reading, (call) => Effect.flatMap(tasks.result(call, taskId, tenantId), ({ read }) => read(from))),
    ListTasks: (payload) => Effect.flatMap(reading, (call) => tasks.list(call, payload)),
    CancelTask: (payload, incoming) =>
      Effect.flatMap(changing("CancelTask", payload, incoming), (call) => tasks.cancel(call, payload.taskId, payload)),
    CancelTasks: (payload, incoming) =>
      Effect.flatMap(changing("CancelTasks", payload, incoming), (call) => tasks.cancelWhere(call, payload)),
    ReplayTasks: (payload, incoming) =>
      Effect.flatMap(changing("ReplayTasks", payload, incoming), (call) => tasks.replay(call, payload)),
    TaskEvents: (payload) => Effect.flatMap(reading, (call) => tasks.events(call, payload)),
    WaitTask: (payload) => Effect.flatMap(reading, (call) => tasks.wait(call, payload))
  }) satisfies Handlers

const ofInstances = ({ changing, reading }: RpcCall, instances: Instances["Service"]) =>
  ({
    RegisterInstance: (payload, incoming) =>
      Effect.flatMap(changing("RegisterInstance", payload, incoming), (call) => instances.register(call, payload)),
    ListInstances: (payload) => Effect.flatMap(reading, (call) => instances.list(call, payload)),
    GetInstance: ({ instanceId }) => Effect.flatMap(reading, (call) => instances.get(call, instanceId)),
    InstanceHealth: ({ instanceId }) => Effect.flatMap(reading, (call) => instances.health(call, instanceId)),
    InstanceLoad: ({ instanceId }) => Effect.flatMap(reading, (call) => instances.load(call, instanceId)),
    UpdateInstance: (payload, incoming) =>
      Effect.flatMap(changing("UpdateInstance", payload, incoming), (call) =>
        instances.update(call, payload.instanceId, payload.update)
      ),
    InstanceLogs: ({ instanceId, ...query }) =>
      Effect.flatMap(reading, (call) => instances.logs(call, instanceId, query)),
    InstanceMetrics: ({ instanceId }) => Effect.flatMap(reading, (call) => instances.metrics(call, instanceId)),
    StartInstance: (payload, incoming) =>
      Effect.flatMap(changing("StartInstance", payload, incoming), (call) => instances.start(call, payload.instanceId)),
    StopInstance: (payload, incoming) =>
      Effect.flatMap(changing("StopInstance", payload, incoming), (call) =>
        instances.stop(call, payload.instanceId, payload.graceMillis)
      ),
    DrainInstance: (payload, incoming) =>
      Effect.flatMap(changing("DrainInstance", payload, incoming), (call) =>
        instances.drain(call, payload.instanceId, payload.deadlineMillis)
      ),
    DeregisterInstance: (payload, incoming) =>
      Effect.flatMap(changing("DeregisterInstance", payload, incoming), (call) =>
        instances.deregister(call, payload.instanceId, payload.force ?? false)
      )
  }) satisfies Handlers

const ofSessions = ({ changing, reading }: RpcCall, sessions: Sessions["Service"]) =>
  ({
    CreateSession: (payload, incoming) =>
      Effect.flatMap(changing("CreateSession", payload, incoming), (call) => sessions.create(call, payload)),
    ListSessions: (payload) => Effect.flatMap(reading, (call) => sessions.list(call, payload)),
    GetSession: (payload) => Effect.flatMap(reading, (call) => sessions.get(call, payload)),
    SendTurn: (payload, incoming) =>
      Effect.flatMap(changing("SendTurn", payload, incoming), (call) => sessions.send(call, payload, payload)),
    GetTurn: (payload) => Effect.flatMap(reading, (call) => sessions.turn(call, payload)),
    ListTurns: ({ after, limit, ...session }) =>
      Effect.flatMap(reading, (call) => sessions.turns(call, session, { after, limit })),
    TurnResult: ({ from = 0, ...turn }) =>
      Effect.flatMap(reading, (call) => Effect.flatMap(sessions.result(call, turn), ({ read }) => read(from))),
    WaitTurn: ({ millis, ...turn }) => Effect.flatMap(reading, (call) => sessions.waitTurn(call, turn, millis)),
    SteerSession: (payload, incoming) =>
      Effect.flatMap(changing("SteerSession", payload, incoming), (call) => sessions.steer(call, payload, payload)),
    AbortSession: (payload, incoming) =>
      Effect.flatMap(changing("AbortSession", payload, incoming), (call) => sessions.abort(call, payload, payload)),
    MoveSession: (payload, incoming) =>
      Effect.flatMap(changing("MoveSession", payload, incoming), (call) => sessions.move(call, payload, payload)),
    TerminateSession: (payload, incoming) =>
      Effect.flatMap(changing("TerminateSession", payload, incoming), (call) => sessions.terminate(call, payload))
  }) satisfies Handlers

const ofLanes = ({ changing, reading }: RpcCall, lanes: Lanes["Service"]) =>
  ({
    ConfigureLane: ({ config, ...lane }, incoming) =>
      Effect.flatMap(changing("ConfigureLane", { config, ...lane }, incoming), (call) =>
        lanes.configure(call, lane, config)
      ),
    GetLane: (payload) => Effect.flatMap(reading, (call) => lanes.get(call, payload)),
    ListLanes: (payload) => Effect.flatMap(reading, (call) => lanes.list(call, payload))
  }) satisfies Handlers

const ofKeys = ({ changing }: RpcCall, keys: Keys["Service"]) =>
  ({
    CreateKey: (payload, incoming) =>
      Effect.flatMap(changing("CreateKey", payload, incoming), (call) => keys.create(call, payload)),
    ListKeys: (payload) => keys.list(payload),
    RevokeKey: (payload, incoming) =>
      Effect.andThen(changing("RevokeKey", payload, incoming), keys.revoke(payload.keyId))
  }) satisfies Handlers

const ofCluster = (cluster: ClusterReads["Service"]) =>
  ({
    ListRunners: () => Effect.map(cluster.runners, (items) => ({ items })),
    ListShards: () => Effect.map(cluster.shards, (items) => ({ items }))
  }) satisfies Handlers
