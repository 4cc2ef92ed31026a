/**
 * The typed client. Every change carries an idempotency key: a call that failed in transit, or because an actor was
 * moving, is retried under the same key and takes effect once. A permanent refusal is not retried. A call ends within
 * `retryFor` plus the timeout of its last attempt.
 */
import {
  Clock,
  Context,
  Duration,
  Effect,
  Layer,
  Random,
  Redacted,
  Schedule,
  Schema,
  SchemaIssue,
  Stream
} from "effect"
import { FetchHttpClient, Headers, HttpClient } from "effect/http"
import { type Rpc, RpcClient, type RpcClientError, type RpcGroup, RpcMiddleware, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import {
  ActorUnavailable,
  type Forbidden,
  type InvalidInput,
  type NotFound,
  type Unauthenticated
} from "../schema/Errors.ts"
import { invalidInput } from "../schema/text/FieldFaults.ts"
import type { Cursor, FeedEvent } from "../schema/feed/Feed.ts"
import type { InstanceId, SessionId, TaskId, TenantId } from "../schema/Ids.ts"
import type { TurnStatus } from "../schema/Session.ts"
import { type TaskStatus, terminalPhases } from "../schema/Task.ts"
import { Authentication, drawnKeyPrefix, idempotencyKeyHeader } from "./Authentication.ts"
import { ClientRpcs } from "./ClientRpcs.ts"
import type { AnyOperation } from "./operations/Operation.ts"
import { everyOperation } from "./operations/Operations.ts"
import { waitMost } from "./Requests.ts"

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

interface Refusal {
  readonly _tag: string
  readonly retryAfterMillis?: number
  readonly reason?: {
    readonly _tag: string
    readonly kind?: string
    readonly message?: string
    readonly cause?: { readonly response?: { readonly status: number } }
  }
}

const isStatusForNow = (status: number): boolean => status === 429 || status >= 500

/** The connection closed before the whole response had arrived. */
const isCutShort = (message: string | undefined): boolean => /ended before|empty HTTP response/.test(message ?? "")

/**
 * A transport failure may be temporary. A request that was refused as invalid, or a response that is not an RPC
 * response, will not succeed on a retry.
 */
const isRetryable = (error: unknown): error is Refusal => {
  const { _tag, reason } = error as Refusal
  if (_tag !== "RpcClientError") return _tag === "ActorUnavailable" || _tag === "Overloaded"
  if (reason?._tag === "RpcClientDefect") return isCutShort(reason.message)
  if (reason?._tag !== "HttpError") return true
  if (reason.kind === "StatusCodeError") return isStatusForNow(reason.cause?.response?.status ?? 0)
  return reason.kind !== "EncodeError" && reason.kind !== "InvalidUrlError"
}

const delayMost = 2_000
const delayOf = (error: Refusal, attempt: number) =>
  Effect.map(Random.next, (draw) => {
    const backoff = Math.min(delayMost, 50 * 2 ** attempt)
    return Math.max(error.retryAfterMillis ?? 0, backoff * (0.5 + draw / 2))
  })

const retrying = <A, E, R>(once: Effect.Effect<A, E, R>, retryForMillis: number): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (startedAt) => {
    const attempt = (count: number): Effect.Effect<A, E, R> =>
      Effect.catch(once, (error) =>
        isRetryable(error)
          ? Effect.gen(function* () {
              const delay = yield* delayOf(error, count)
              if ((yield* Clock.currentTimeMillis) + delay - startedAt > retryForMillis)
                return yield* Effect.fail(error as E)
              yield* Effect.sleep(delay)
              return yield* attempt(count + 1)
            })
          : Effect.fail(error)
      )
    return attempt(0)
  })

/** Timeout of one attempt, in addition to the time that the call itself asks the server to wait. */
const tryMillis = 15_000
const silence = new ActorUnavailable({
  reason: "TimedOut",
  message: "the gateway did not answer in time",
  retryAfterMillis: 0
})

const inTime = <A, E, R>(once: Effect.Effect<A, E, R>, payload: unknown, retryForMillis: number) => {
  const { millis = 0 } = (payload ?? {}) as { readonly millis?: number }
  return Effect.timeoutOrElse(once, {
    duration: Math.min(tryMillis, retryForMillis) + millis,
    orElse: () => Effect.fail(silence)
  })
}

const drawKey = Effect.map(
  Effect.all([Random.next, Random.next, Random.next]),
  (draws) => drawnKeyPrefix + draws.map((draw) => Math.floor(draw * 2 ** 52).toString(36)).join("")
)

const issueOf = (defect: unknown): SchemaIssue.Issue | undefined => {
  if (Schema.isSchemaError(defect)) return defect.issue
  return defect instanceof Error && SchemaIssue.isIssue(defect.cause) ? defect.cause : undefined
}

/** A payload that does not match its schema fails with `InvalidInput` before anything is sent. */
const faultsToErrors = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidInput, R> =>
  Effect.catchCause(effect, (cause): Effect.Effect<never, E | InvalidInput> => {
    for (const reason of cause.reasons) {
      const issue = reason._tag === "Die" ? issueOf(reason.defect) : undefined
      if (issue !== undefined) return Effect.fail(invalidInput("Payload", { issue }))
    }
    return Effect.failCause(cause)
  })

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
            return faultsToErrors(retrying(inTime(once, payload, retryForMillis), retryForMillis))
          })
        )

    const calls = Object.fromEntries(
      everyOperation
        .filter(({ operation }) => operation.isOnRpc && operation.kind !== "stream")
        .map(({ operation }) => [operation.tag, callOf(operation)])
    ) as unknown as Calls

    const until = <A, E>(
      ask: (millis: number) => Effect.Effect<A, E>,
      isOver: (status: A) => boolean,
      timeoutMillis: number
    ): Effect.Effect<A, E> =>
      Effect.gen(function* () {
        const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
        let millis = timeoutMillis
        while (true) {
          const status = yield* ask(Math.max(0, Math.min(millis, waitMost / 2)))
          millis = deadline - (yield* Clock.currentTimeMillis)
          if (isOver(status) || millis <= 0) return status
        }
      })

    const events: ClientShape["events"] = ({ cursor, ...filter } = {}) =>
      Stream.unwrap(
        Effect.gen(function* () {
          let last = cursor ?? (yield* calls.FeedPosition({})).position
          const follow = Stream.suspend(() => rpc.FollowEvents({ ...filter, cursor: last })).pipe(
            Stream.tap((event) => Effect.sync(() => (last = event.cursor))),
            Stream.filter(({ type }) => type !== "feed.position")
          )
          return follow.pipe(
            Stream.repeat(Schedule.spaced("100 millis")),
            Stream.retry(
              Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
                Schedule.jittered,
                Schedule.while(({ input }) => isRetryable(input))
              )
            )
          )
        })
      )

    return ClawsterClient.of({
      ...calls,
      events,
      awaitTask: (task, timeoutMillis) =>
        until(
          (millis) => calls.WaitTask({ ...task, millis }),
          ({ phase }) => terminalPhases.has(phase),
          timeoutMillis
        ),
      awaitTurn: (turn, timeoutMillis) =>
        until(
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
