/**
 * One connected life of a link: a socket after a successful handshake. It matches responses to requests, fans events
 * out, and watches for silence. When the socket is lost everything that waits on it fails with `ConnectionLost`, so
 * nothing that began before a gateway restart can be taken for something after it: a new `bootId` needs a new session.
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

/** Bounds of a link, in milliseconds. */
export interface LinkLimits {
  /** For the socket to open, and again for the handshake. */
  readonly connectMillis: number
  /** For one answer, unless a call says otherwise. */
  readonly requestMillis: number
  /** Of one frame from the gateway, before it is read: an answer of eight million characters and what comes with it. */
  readonly maxFrameBytes: number
  /** Requests under way at once on one socket. */
  readonly maxPending: number
  /** The first delay before connecting again; it doubles up to `maxRetryMillis`. */
  readonly minRetryMillis: number
  readonly maxRetryMillis: number
  /** The delay where trying again cannot help before somebody mends something: token, protocol, pairing. */
  readonly hopelessRetryMillis: number
  /** Without an answer to a ping, or a frame, after which the gateway, or the way to it, is gone. */
  readonly silenceMillis: number
  /** Bounds of the tick interval that a gateway names. */
  readonly tickMillis: { readonly least: number; readonly most: number }
  /** For one run to end, however long it may queue. */
  readonly runMillis: number
}

export interface RequestOptions {
  readonly deadlineMillis?: number | undefined
  readonly traceparent?: string | undefined
}

export interface GatewaySession {
  readonly hello: GatewayHello
  /** Fails when the session is over, and says why; never succeeds. */
  readonly lost: Effect.Effect<never, GatewayError>
  /** Asks once and waits for the answer. After `DeadlineExceeded` the gateway may still do what was asked. */
  readonly request: (
    method: string,
    params: Schema.JsonObject,
    options?: RequestOptions
  ) => Effect.Effect<unknown, GatewayError>
  /** Asks a method that answers more than once: every answer goes to `onResponse` until the scope closes. */
  readonly open: (
    method: string,
    params: Schema.JsonObject,
    onResponse: (response: ResponseFrame) => void,
    options?: RequestOptions
  ) => Effect.Effect<void, GatewayError, Scope.Scope>
  /** Hands every event to `onEvent` until the scope closes. */
  readonly listen: (onEvent: (event: EventFrame) => void) => Effect.Effect<void, never, Scope.Scope>
}

const ShutdownEvent = Schema.Struct({ restartExpectedMs: delay })
const decodeShutdown = Schema.decodeUnknownOption(ShutdownEvent)

/** Connects, is let in, and stays until the scope closes or the socket is lost. */
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

/** A gateway ticks, and answers pings whatever it does. Without the one or the other it, or the way to it, is gone. */
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

/** What the edge lets through, written as JSON: a gateway that takes less is at fault, not the request. */
const largestRequestBytes = 2 * 1024 * 1024
