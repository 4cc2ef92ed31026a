/**
 * One WebSocket to a gateway, from open to close. Frames are passed on in the order of arrival, without a buffer:
 * `onFrame` must be quick and must not throw. Nothing is retried here.
 */
import { Clock, Deferred, Effect } from "effect"
import type { Scope } from "effect"
import { type RawData, WebSocket } from "ws"
import { deadlineExceeded, fromClose, fromConnectFailure } from "./GatewayErrors.ts"
import { type InboundFrame, parseFrame } from "./GatewayFrames.ts"
import { GatewayError } from "../GatewayLink.ts"

export interface GatewaySocket {
  /**
   * Hands a frame to the kernel. Fails with `Unavailable`, without sending, when more than 64 MiB already wait to be
   * sent, and with the error of `lost` when the socket is closed.
   */
  readonly send: (text: string) => Effect.Effect<void, GatewayError>
  readonly ping: Effect.Effect<void>
  /** Fails with the reason when the socket has closed; never succeeds. */
  readonly lost: Effect.Effect<never, GatewayError>
  /** Clock milliseconds when the last message or ping of the gateway arrived. */
  readonly lastFrameAt: Effect.Effect<number>
  /** Clock milliseconds when the last pong arrived. */
  readonly lastPongAt: Effect.Effect<number>
}

export interface SocketOptions {
  readonly url: string
  readonly openMillis: number
  /** A larger frame is not read; the socket closes instead. */
  readonly maxFrameBytes: number
  readonly onFrame: (frame: InboundFrame) => void
  /** Whether the handshake had succeeded and whether a restart was announced, for the error of a close. */
  readonly closing: () => { readonly greeted: boolean; readonly restartExpectedMillis: number | undefined }
}

const maxWaitingBytes = 64 * 1024 * 1024

/**
 * Opens the socket, which closes with the scope. Fails with a `GatewayError` such as `Unreachable`, after `openMillis`
 * at the latest.
 */
export const open = Effect.fnUntraced(function* (
  options: SocketOptions
): Effect.fn.Return<GatewaySocket, GatewayError, Scope.Scope> {
  const clock = yield* Clock.Clock
  const lost = yield* Deferred.make<never, GatewayError>()
  let lastFrameAt = clock.currentTimeMillisUnsafe()
  let lastPongAt = lastFrameAt
  const socket = yield* create(options)
  const heard = () => {
    lastFrameAt = clock.currentTimeMillisUnsafe()
  }
  socket.on("ping", heard)
  socket.on("pong", () => {
    lastPongAt = clock.currentTimeMillisUnsafe()
  })
  let tooLargeBytes: number | undefined
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") tooLargeBytes = options.maxFrameBytes
  })
  const pace = new Pace(socket, clock)
  socket.on("message", (data, isBinary) => {
    heard()
    pace.read(data)
    const frame = isBinary ? undefined : parseFrame(String(data))
    if (frame !== undefined) options.onFrame(frame)
  })
  socket.on("close", (code, reason) => {
    pace.end()
    const { greeted, restartExpectedMillis } = options.closing()
    const close = { code, reason: String(reason), restartExpectedMillis, tooLargeBytes }
    const error = fromClose(options.url, close, greeted)
    Deferred.doneUnsafe(lost, Effect.fail(error))
  })
  yield* opened(socket, options)
  return {
    send: (text) =>
      Effect.suspend(() => {
        if (socket.readyState !== WebSocket.OPEN) return Deferred.await(lost)
        if (socket.bufferedAmount > maxWaitingBytes) return Effect.fail(congested(options.url))
        socket.send(text)
        return Effect.void
      }),
    ping: Effect.sync(() => {
      if (socket.readyState === WebSocket.OPEN) socket.ping()
    }),
    lost: Deferred.await(lost),
    lastFrameAt: Effect.sync(() => lastFrameAt),
    lastPongAt: Effect.sync(() => lastPongAt)
  }
})

const secondMillis = 1_000
/** Read limits per second: enough for more than a hundred concurrent streaming turns. */
const framesPerSecond = 10_000
const bytesPerSecond = 64 * 1024 * 1024

/**
 * Limits the read rate. After `framesPerSecond` frames or `bytesPerSecond` bytes within one second the socket is paused
 * until that second ends, so that TCP backpressure slows the gateway down and other work of this process gets its turn.
 */
class Pace {
  readonly #socket: WebSocket
  readonly #clock: Clock.Clock
  #since = 0
  #frames = 0
  #bytes = 0
  #paused: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, clock: Clock.Clock) {
    this.#socket = socket
    this.#clock = clock
  }

  read(data: RawData): void {
    const now = this.#clock.currentTimeMillisUnsafe()
    if (now - this.#since >= secondMillis || now < this.#since) {
      this.#since = now
      this.#frames = 0
      this.#bytes = 0
    }
    this.#frames += 1
    this.#bytes += "byteLength" in data ? data.byteLength : 0
    if (this.#paused !== undefined || (this.#frames < framesPerSecond && this.#bytes < bytesPerSecond)) return
    this.#socket.pause()
    this.#paused = setTimeout(
      () => {
        this.#paused = undefined
        this.#socket.resume()
      },
      this.#since + secondMillis - now
    )
  }

  end(): void {
    clearTimeout(this.#paused)
  }
}

const create = (options: SocketOptions) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const socket = new WebSocket(options.url, {
          handshakeTimeout: options.openMillis,
          maxPayload: options.maxFrameBytes,
          perMessageDeflate: false
        })
        socket.on("error", () => {})
        return socket
      },
      catch: (cause) =>
        new GatewayError({
          reason: "InvalidRequest",
          message: `${options.url} is not a WebSocket address (ws://host:port/): ${String(cause)}`,
          retryable: false
        })
    }),
    (socket) =>
      Effect.sync(() => {
        socket.close(1000)
        setTimeout(() => socket.terminate(), closeMillis).unref()
      })
  )

const closeMillis = 1000

const opened = (socket: WebSocket, options: SocketOptions) =>
  Effect.callback<void, GatewayError>((resume) => {
    socket.once("open", () => resume(Effect.void))
    socket.once("unexpected-response", (request, response) => {
      request.destroy()
      const message = `HTTP ${response.statusCode ?? 0}`
      resume(Effect.fail(fromConnectFailure(options.url, { message, httpStatus: response.statusCode })))
    })
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const { code } = error
      resume(Effect.fail(fromConnectFailure(options.url, { code, message: error.message || (code ?? "no route") })))
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: options.openMillis,
      orElse: () => Effect.fail(deadlineExceeded(`Opening a connection to ${options.url}`, options.openMillis))
    })
  )

const congested = (url: string): GatewayError =>
  new GatewayError({
    reason: "Unavailable",
    message: `The gateway at ${url} takes no more for now: ${maxWaitingBytes} bytes wait to be sent`,
    retryable: true,
    retryAfterMillis: 1000
  })
