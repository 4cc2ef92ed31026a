/**
 * One connection of a link: a socket after a successful handshake. It matches responses to requests, passes events to
 * listeners, and detects silence. When the socket is lost, every pending request fails with the socket's error, mostly
 * `ConnectionLost`, so nothing that began before a gateway restart can be mistaken for something after it: a new
 * `bootId` needs a new session.
 */
import { Clock, Deferred, Effect, Option, Redacted, Schema } from "effect"
import type { Scope } from "effect"
import type { DeviceIdentity } from "./DeviceIdentity.ts"
import { deadlineExceeded, fromErrorShape } from "./GatewayErrors.ts"
import {
  Challenge,
  decodePayload,
  type EventFrame,
  HelloOk,
  type InboundFrame,
  requestText,
  type ResponseFrame
} from "./GatewayFrames.ts"
import { type GatewayEndpoint, GatewayError, type GatewayHello } from "../GatewayLink.ts"
import * as GatewaySocket from "./GatewaySocket.ts"
import { connectParams, greet, isLoopback } from "./Handshake.ts"
import { delay } from "./BoundedFields.ts"

/** Limits of a link, in milliseconds unless the name or the comment says otherwise. */
export interface LinkLimits {
  /** Timeout for opening the socket, and again for the challenge and for the `connect` request. */
  readonly connectMillis: number
  /** Timeout of one request, unless the call gives its own deadline. */
  readonly requestMillis: number
  /**
   * Maximum bytes of one frame from the gateway; a larger frame is not read. It leaves room for an answer of eight
   * million characters and the fields around it.
   */
  readonly maxFrameBytes: number
  /** Maximum concurrent requests on one socket. */
  readonly maxPending: number
  /** The first delay before reconnecting; it doubles up to `maxRetryMillis`. */
  readonly minRetryMillis: number
  readonly maxRetryMillis: number
  /** The delay when retrying cannot help before an operator fixes something: token, protocol version, pairing. */
  readonly hopelessRetryMillis: number
  /** Milliseconds without any frame or pong after which the gateway, or the network path to it, counts as lost. */
  readonly silenceMillis: number
  /** Bounds that are applied to the tick interval announced by a gateway. */
  readonly tickMillis: { readonly least: number; readonly most: number }
  /** Timeout of one run, including its time in the gateway's queue. */
  readonly runMillis: number
}

export interface RequestOptions {
  readonly deadlineMillis?: number | undefined
  readonly traceparent?: string | undefined
}

export interface GatewaySession {
  readonly hello: GatewayHello
  /** Fails with the reason when the session ends; never succeeds. */
  readonly lost: Effect.Effect<never, GatewayError>
  /**
   * Sends one request and waits for its response. After `DeadlineExceeded` the gateway may still carry the request out.
   */
  readonly request: (
    method: string,
    params: Schema.JsonObject,
    options?: RequestOptions
  ) => Effect.Effect<unknown, GatewayError>
  /** Sends a request that has several responses: each goes to `onResponse` until the scope closes. */
  readonly open: (
    method: string,
    params: Schema.JsonObject,
    onResponse: (response: ResponseFrame) => void,
    options?: RequestOptions
  ) => Effect.Effect<void, GatewayError, Scope.Scope>
  /** Passes every event to `onEvent` until the scope closes. */
  readonly listen: (onEvent: (event: EventFrame) => void) => Effect.Effect<void, never, Scope.Scope>
}

const ShutdownEvent = Schema.Struct({ restartExpectedMs: delay })
const decodeShutdown = Schema.decodeUnknownOption(ShutdownEvent)

/** Opens the socket and completes the handshake. The session lasts until the scope closes or the socket is lost. */
export const establish = Effect.fnUntraced(function* (
  endpoint: GatewayEndpoint,
  limits: LinkLimits,
  identity: Option.Option<DeviceIdentity>
): Effect.fn.Return<GatewaySession, GatewayError, Scope.Scope> {
  const routes = new Map<string, (response: ResponseFrame) => void>()
  const listeners = new Set<(event: EventFrame) => void>()
  let greeted = false
  let restartExpectedMillis: number | undefined
  let lastId = 0
  let maxPayloadBytes = 65_536

  const onFrame = (frame: InboundFrame): void => {
    if (frame._tag === "Response") return routes.get(frame.id)?.(frame)
    if (frame.event === "shutdown") {
      restartExpectedMillis = Option.getOrUndefined(decodeShutdown(frame.payload))?.restartExpectedMs
    }
    for (const listener of listeners) listener(frame)
  }

  const listen = (onEvent: (event: EventFrame) => void) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(onEvent)),
        () => Effect.sync(() => listeners.delete(onEvent))
      )
    )

  const challenge = yield* Deferred.make<EventFrame>()
  yield* listen((event) => {
    if (event.event === "connect.challenge") Deferred.doneUnsafe(challenge, Effect.succeed(event))
  })
  const socket = yield* GatewaySocket.open({
    url: endpoint.url,
    openMillis: limits.connectMillis,
    maxFrameBytes: limits.maxFrameBytes,
    onFrame,
    closing: () => ({ greeted, restartExpectedMillis })
  })

  const open: GatewaySession["open"] = Effect.fnUntraced(function* (method, params, onResponse, options) {
    if (routes.size >= limits.maxPending) return yield* tooMany(limits.maxPending)
    const id = String(++lastId)
    const text = requestText({ id, method, params, traceparent: options?.traceparent })
    const bytes = Buffer.byteLength(text)
    if (bytes > maxPayloadBytes) return yield* tooLarge(method, bytes, maxPayloadBytes)
    yield* Effect.acquireRelease(
      Effect.sync(() => routes.set(id, onResponse)),
      () => Effect.sync(() => routes.delete(id))
    )
    yield* socket.send(text)
  })

  const request: GatewaySession["request"] = (method, params, options) => {
    const millis = options?.deadlineMillis ?? limits.requestMillis
    return Effect.scoped(
      Effect.gen(function* () {
        const answer = yield* Deferred.make<ResponseFrame>()
        yield* open(method, params, (response) => Deferred.doneUnsafe(answer, Effect.succeed(response)), options)
        const response = yield* Effect.raceFirst(Deferred.await(answer), socket.lost)
        return response.ok ? response.payload : yield* fromErrorShape(method, response.error)
      })
    ).pipe(
      Effect.timeoutOrElse({
        duration: millis,
        orElse: () => Effect.fail(deadlineExceeded(`${method} at ${endpoint.url}`, millis))
      })
    )
  }

  const device = isLoopback(endpoint.url) ? undefined : Option.getOrUndefined(identity)
  const challenged = yield* Effect.raceFirst(Deferred.await(challenge), socket.lost).pipe(
    Effect.timeoutOrElse({
      duration: limits.connectMillis,
      orElse: () =>
        Effect.fail(deadlineExceeded(`The challenge of an OpenClaw gateway at ${endpoint.url}`, limits.connectMillis))
    }),
    Effect.flatMap((event) => decodePayload("connect.challenge", Challenge)(event.payload))
  )
  const params = connectParams({ token: Redacted.value(endpoint.token), challenge: challenged, device })
  const hello = yield* request("connect", params as unknown as Schema.JsonObject, {
    deadlineMillis: limits.connectMillis
  }).pipe(
    Effect.flatMap(decodePayload("connect", HelloOk)),
    Effect.map((payload) => greet(endpoint.url, payload, limits.tickMillis)),
    Effect.flatMap((greeting) => (greeting instanceof GatewayError ? Effect.fail(greeting) : Effect.succeed(greeting)))
  )
  greeted = true
  maxPayloadBytes = hello.maxPayloadBytes
  const silent = yield* Deferred.make<never, GatewayError>()
  yield* Effect.forkScoped(
    Effect.catch(watch(endpoint.url, 2.5 * hello.tickIntervalMillis, limits.silenceMillis, socket), (error) =>
      Deferred.fail(silent, error)
    )
  )
  return { hello, lost: Effect.raceFirst(socket.lost, Deferred.await(silent)), request, open, listen }
})

/**
 * A gateway sends ticks, and answers pings even while it is busy. Fails when no frame has arrived for `tickLimit`
 * milliseconds, or neither a frame nor a pong for `pongLimit`: the gateway, or the network path to it, is lost.
 */
const watch = Effect.fnUntraced(function* (
  url: string,
  tickLimit: number,
  pongLimit: number,
  { lastFrameAt, lastPongAt, ping }: GatewaySocket.GatewaySocket
): Effect.fn.Return<never, GatewayError> {
  while (true) {
    const now = yield* Clock.currentTimeMillis
    const quiet = now - (yield* lastFrameAt)
    const unheard = Math.min(quiet, now - (yield* lastPongAt))
    if (quiet >= tickLimit || unheard >= pongLimit) return yield* silence(url, quiet, unheard)
    yield* ping
    yield* Effect.sleep(Math.min(tickLimit - quiet, pongLimit - unheard, pongLimit / 4))
  }
})

const silence = (url: string, quiet: number, unheard: number): GatewayError =>
  new GatewayError({
    reason: "ConnectionLost",
    code: "SILENT",
    message: `The gateway at ${url} has been silent for ${quiet} ms, and answered no ping for ${unheard} ms`,
    retryable: true
  })

const tooMany = (maxPending: number): GatewayError =>
  new GatewayError({
    reason: "Unavailable",
    message: `${maxPending} requests wait for this gateway already`,
    retryable: true,
    retryAfterMillis: 1000
  })

const tooLarge = (method: string, bytes: number, limit: number): GatewayError =>
  new GatewayError({
    reason: "InvalidRequest",
    code: "REQUEST_TOO_LARGE",
    message: `The ${method} request has ${bytes} bytes, the gateway takes at most ${limit}. Send less`,
    retryable: limit < largestRequestBytes
  })

/**
 * Bytes of JSON in the largest request that the edge accepts. A gateway with a smaller limit is at fault, not the
 * request, so the failure is then retryable.
 */
const largestRequestBytes = 2 * 1024 * 1024
