/** The public RPCs over the use cases. */
import { Effect, Schema, Stream } from "effect"
import type { Headers } from "effect/http"
import { Authenticator } from "../../auth/Authenticator.ts"
import { IdempotencyStore } from "../../auth/IdempotencyStore.ts"
import { ClusterReads } from "../../ports/ClusterReads.ts"
import { Feed } from "../../ports/Reads.ts"
import { CurrentPrincipal, idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import { ClientRpcs } from "../../rpc/ClientRpcs.ts"
import { ActorUnavailable, InvalidInput } from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import { IdempotencyKey } from "../../schema/Ids.ts"
import { EventHub } from "../events/EventHub.ts"
import { subjectFilter } from "../events/SubjectFilter.ts"
import { typeFilter } from "../events/TypeFilter.ts"
import { type Call, canonicalJson, keyed } from "../service/RequestContext.ts"
import { Instances } from "../service/instances/Instances.ts"
import { Keys } from "../service/Keys.ts"
import { Lanes } from "../service/tasks/Lanes.ts"
import { Sessions } from "../service/Sessions.ts"
import { Tasks } from "../service/tasks/Tasks.ts"
import { reading as readingTenant } from "../service/Tenants.ts"

interface Incoming {
  readonly headers: Headers.Headers
}

const isKey = Schema.is(IdempotencyKey)

const badKey = new InvalidInput({
  message: "the idempotency key is not as documented",
  faults: [{ path: idempotencyKeyHeader, expected: "1 to 255 visible ASCII characters" }]
})

const positionEveryMillis = 5_000

/** Of the positions of a follower for whom there is nothing, one each 5 s is enough to go on from. */
const fewPositions = () => {
  let toldAt = 0
  return ({ timestamp, type }: FeedEvent): boolean => {
    if (type !== "feed.position") return true
    if (timestamp - toldAt < positionEveryMillis) return false
    toldAt = timestamp
    return true
  }
}

export const RpcHandlers = ClientRpcs.toLayer(
  Effect.gen(function* () {
    const store = yield* IdempotencyStore
    const tasks = yield* Tasks
    const instances = yield* Instances
    const sessions = yield* Sessions
    const lanes = yield* Lanes
    const keys = yield* Keys
    const feed = yield* Feed
    const cluster = yield* ClusterReads
    const hub = yield* EventHub
    const authenticator = yield* Authenticator

    const reading: Effect.Effect<Call, never, CurrentPrincipal> = Effect.map(CurrentPrincipal, (principal) => ({
      principal
    }))

    const changing = Effect.fnUntraced(
      function* (tag: string, payload: unknown, { headers }: Incoming) {
        const principal = yield* CurrentPrincipal
        const key = headers[idempotencyKeyHeader]
        if (key !== undefined && !isKey(key)) return yield* badKey
        return yield* keyed(principal, key, () => `${tag} ${canonicalJson(payload)}`)
      },
      Effect.provideService(IdempotencyStore, store)
    )

    const follow = (
      payload: {
        readonly cursor?: Cursor
        readonly tenantId?: Parameters<typeof readingTenant>[1]
        readonly types?: ReadonlyArray<string>
        readonly taskId?: string
        readonly sessionId?: string
        readonly instanceId?: string
      },
      { headers }: Incoming
    ) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const tenantId = yield* readingTenant(yield* reading, payload.tenantId)
          if (payload.cursor !== undefined) yield* feed.check(payload.cursor, "cursor")
          const isWanted = typeFilter(payload.types)
          const isAbout = subjectFilter(payload)
          return hub.follow({ after: payload.cursor, tenantId, onLag: "reread" }).pipe(
            Stream.filter((event) => isWanted(event.type) && isAbout(event)),
            Stream.filter(fewPositions()),
            Stream.mapError((error) =>
              error._tag === "Lagged"
                ? new ActorUnavailable({
                    message: "the follower fell behind; go on from its cursor",
                    retryAfterMillis: 100
                  })
                : error
            ),
            Stream.interruptWhen(authenticator.untilRevoked(headers["authorization"]))
          )
        })
      )

    return ClientRpcs.of({
      Me: () => CurrentPrincipal,

      SubmitTasks: (payload, incoming) =>
        Effect.flatMap(changing("SubmitTasks", payload, incoming), (call) =>
          Effect.map(tasks.submit(call, payload.tasks), (outcomes) => ({ tasks: outcomes }))
        ),
      GetTask: ({ taskId, tenantId }) => Effect.flatMap(reading, (call) => tasks.get(call, taskId, tenantId)),
      TaskResult: ({ from = 0, taskId, tenantId }) =>
        Effect.flatMap(reading, (call) =>
          Effect.flatMap(tasks.result(call, taskId, tenantId), ({ read }) => read(from))
        ),
      ListTasks: (payload) => Effect.flatMap(reading, (call) => tasks.list(call, payload)),
      CancelTask: (payload, incoming) =>
        Effect.flatMap(changing("CancelTask", payload, incoming), (call) =>
          tasks.cancel(call, payload.taskId, payload)
        ),
      CancelTasks: (payload, incoming) =>
        Effect.flatMap(changing("CancelTasks", payload, incoming), (call) => tasks.cancelWhere(call, payload)),
      ReplayTasks: (payload, incoming) =>
        Effect.flatMap(changing("ReplayTasks", payload, incoming), (call) => tasks.replay(call, payload)),
      TaskEvents: (payload) => Effect.flatMap(reading, (call) => tasks.events(call, payload)),
      WaitTask: (payload) => Effect.flatMap(reading, (call) => tasks.wait(call, payload)),

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
        Effect.flatMap(changing("StartInstance", payload, incoming), (call) =>
          instances.start(call, payload.instanceId)
        ),
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
        ),

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
        Effect.flatMap(changing("TerminateSession", payload, incoming), (call) => sessions.terminate(call, payload)),

      ConfigureLane: ({ config, ...lane }, incoming) =>
        Effect.flatMap(changing("ConfigureLane", { config, ...lane }, incoming), (call) =>
          lanes.configure(call, lane, config)
        ),
      GetLane: (payload) => Effect.flatMap(reading, (call) => lanes.get(call, payload)),
      ListLanes: (payload) => Effect.flatMap(reading, (call) => lanes.list(call, payload)),

      CreateKey: (payload, incoming) =>
        Effect.flatMap(changing("CreateKey", payload, incoming), (call) => keys.create(call, payload)),
      ListKeys: (payload) => keys.list(payload),
      RevokeKey: (payload, incoming) =>
        Effect.andThen(changing("RevokeKey", payload, incoming), keys.revoke(payload.keyId)),

      ListRunners: () => Effect.map(cluster.runners, (items) => ({ items })),
      ListShards: () => Effect.map(cluster.shards, (items) => ({ items })),

      FeedPosition: () => Effect.map(feed.position, (position) => ({ position })),
      FollowEvents: follow
    })
  })
)
