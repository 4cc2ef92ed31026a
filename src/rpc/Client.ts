/**
 * The typed client. Every change carries an idempotency key: a call that failed in transit, or because an actor was
 * moving, is retried under the same key and takes effect once. A permanent refusal is not retried. A call ends within
 * `retryFor` plus the timeout of its last attempt.
 */
import { Context, Duration, Effect, Layer, Random, Redacted, Schedule, type Stream } from "effect"
import { FetchHttpClient, Headers, HttpClient } from "effect/http"
import { type Rpc, RpcClient, type RpcClientError, type RpcGroup, RpcMiddleware, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import type { ActorUnavailable, Forbidden, InvalidInput, NotFound, Unauthenticated } from "../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../schema/feed/Feed.ts"
import type { InstanceId, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { TurnStatus } from "../schema/Session.ts"
import { type TaskStatus, terminalPhases } from "../schema/Task.ts"
import { Authentication, drawnKeyPrefix, idempotencyKeyHeader } from "./Authentication.ts"
import { tried } from "./client/CallRetries.ts"
import { following } from "./client/EventStream.ts"
import { faultsToErrors } from "./client/PayloadFaults.ts"
import { untilOver } from "./client/Waits.ts"
import { ClientRpcs } from "./ClientRpcs.ts"
import type { AnyOperation } from "./operations/Operation.ts"
import { everyOperation } from "./operations/Operations.ts"

type Rpcs = RpcGroup.Rpcs<typeof ClientRpcs>
type Refusals = Unauthenticated | Forbidden | ActorUnavailable

export interface ClientCallOptions {
  /** Set your own key when a retry from another process must be the same change. Generated when absent. */
  readonly idempotencyKey?: string | undefined
}

type Calls = {
  readonly [R in Rpcs as Exclude<R["_tag"], "FollowEvents">]: (
    payload: Rpc.PayloadConstructor<R>,
    options?: ClientCallOptions
  ) => Effect.Effect<Rpc.Success<R>, Rpc.Error<R> | Refusals | RpcClientError.RpcClientError>
}

type Failure<Tag extends Rpcs["_tag"]> =
  | Rpc.Error<Extract<Rpcs, { readonly _tag: Tag }>>
  | Refusals
  | RpcClientError.RpcClientError

export interface ClientShape extends Calls {
  /** Returns the task when it has ended, or its current status after `timeoutMillis`. */
  readonly awaitTask: (
    task: { readonly taskId: TaskId; readonly tenantId?: TenantId },
    timeoutMillis: number
  ) => Effect.Effect<TaskStatus, Failure<"WaitTask">>
  readonly awaitTurn: (
    turn: { readonly sessionId: SessionId; readonly turnId: string; readonly tenantId?: TenantId },
    timeoutMillis: number
  ) => Effect.Effect<TurnStatus, Failure<"WaitTurn">>
  /**
   * Events after `cursor` (absent: from now on), without end. A broken connection is reopened, without gap or repeat in
   * the stream. A `feed.gap` reports that events after the cursor are no longer available, a `feed.skipped` that one
   * entry could not be shown.
   */
  readonly events: (options?: {
    readonly cursor?: Cursor
    readonly tenantId?: TenantId
    readonly types?: ReadonlyArray<string>
    /** Only events about this task, session or instance. */
    readonly taskId?: TaskId
    readonly sessionId?: SessionId
    readonly instanceId?: InstanceId
  }) => Stream.Stream<FeedEvent, NotFound | InvalidInput | Refusals | RpcClientError.RpcClientError>
}

export interface ClientOptions {
  /** URL of the gateway, without a path: `http://127.0.0.1:7373`. */
  readonly url: string
  readonly apiKey: string | Redacted.Redacted
  /** Time limit for all attempts of one call together; 30 s when absent. */
  readonly retryFor?: Duration.Input | undefined
}

const turnOver: ReadonlySet<string> = new Set(["completed", "failed", "aborted"])

const drawKey = Effect.map(
  Effect.all([Random.next, Random.next, Random.next]),
  (draws) => drawnKeyPrefix + draws.map((draw) => Math.floor(draw * 2 ** 52).toString(36)).join("")
)

const make = (options: ClientOptions) =>
  Effect.gen(function* () {
    const rpc = yield* RpcClient.make(ClientRpcs, { spanPrefix: "ClawsterClient" })
    const methods = rpc as unknown as Record<
      string,
      (payload: unknown, options: { readonly headers: Headers.Input }) => Effect.Effect<unknown, unknown>
    >
    const retryForMillis = Duration.toMillis(Duration.fromInputUnsafe(options.retryFor ?? "30 seconds"))

    const callOf =
      ({ kind, tag }: AnyOperation) =>
      (payload: unknown, { idempotencyKey }: ClientCallOptions = {}) =>
        Effect.suspend(() =>
          kind === "change" && idempotencyKey === undefined ? drawKey : Effect.succeed(idempotencyKey)
        ).pipe(
          Effect.flatMap((key) => {
            const headers: Headers.Input = key === undefined ? {} : { [idempotencyKeyHeader]: key }
            const once = Effect.suspend(() => methods[tag]!(payload, { headers }))
            return faultsToErrors(tried(once, payload, retryForMillis))
          })
        )

    const calls = Object.fromEntries(
      everyOperation
        .filter(({ operation }) => operation.isOnRpc && operation.kind !== "stream")
        .map(({ operation }) => [operation.tag, callOf(operation)])
    ) as unknown as Calls

    return ClawsterClient.of({
      ...calls,
      events: ({ cursor, ...filter } = {}) =>
        following(
          cursor === undefined
            ? Effect.map(calls.FeedPosition({}), ({ position }) => position)
            : Effect.succeed(cursor),
          (after) => rpc.FollowEvents({ ...filter, cursor: after })
        ),
      awaitTask: (task, timeoutMillis) =>
        untilOver(
          (millis) => calls.WaitTask({ ...task, millis }),
          ({ phase }) => terminalPhases.has(phase),
          timeoutMillis
        ),
      awaitTurn: (turn, timeoutMillis) =>
        untilOver(
          (millis) => calls.WaitTurn({ ...turn, millis }),
          ({ phase }) => turnOver.has(phase),
          timeoutMillis
        )
    })
  })

const reconnecting = Schedule.spaced("100 millis").pipe(Schedule.jittered)

const authenticated = ({ apiKey }: ClientOptions) =>
  RpcMiddleware.layerClient(Authentication, ({ next, request }) =>
    next({
      ...request,
      headers: Headers.set(
        request.headers,
        "authorization",
        `Bearer ${typeof apiKey === "string" ? apiKey : Redacted.value(apiKey)}`
      )
    })
  )

const rpcUrl = (url: string, protocol: "http" | "ws"): string =>
  `${url.replace(/\/+$/, "").replace(/^(http|ws)/, protocol)}/rpc`

export class ClawsterClient extends Context.Service<ClawsterClient, ClientShape>()("clawster/rpc/ClawsterClient") {
  /** Uses the RPC protocol that the caller provides. */
  static readonly layerProtocol = (options: ClientOptions): Layer.Layer<ClawsterClient, never, RpcClient.Protocol> =>
    Layer.effect(ClawsterClient, make(options)).pipe(Layer.provide(authenticated(options)))

  /** Sends one HTTP request per call. */
  static readonly layerHttp = (options: ClientOptions): Layer.Layer<ClawsterClient> =>
    ClawsterClient.layerProtocol(options).pipe(
      Layer.provide(
        RpcClient.layerProtocolHttp({
          url: rpcUrl(options.url, "http"),
          transformClient: (client) => HttpClient.filterStatusOk(client) as never
        })
      ),
      Layer.provide([FetchHttpClient.layer, RpcSerialization.layerNdjson])
    )

  /** Uses one WebSocket for all calls, and reopens it when it breaks. */
  static readonly layerWebSocket = (options: ClientOptions): Layer.Layer<ClawsterClient> =>
    ClawsterClient.layerProtocol(options).pipe(
      Layer.provide(RpcClient.layerProtocolSocket({ retryPolicy: reconnecting })),
      Layer.provide([
        Socket.layerWebSocket(rpcUrl(options.url, "ws")).pipe(Layer.provide(Socket.layerWebSocketConstructorGlobal)),
        RpcSerialization.layerNdjson
      ])
    )
}
