import { Deferred, Effect } from "effect"
import type { Scope } from "effect"
import { type WebSocket, WebSocketServer } from "ws"

export interface FakeRequest {
  readonly id: string
  readonly method: string
  readonly params: Record<string, unknown>
  readonly traceparent?: string
}

/** One socket as the server sees it. */
export interface FakeSocket {
  readonly respond: (request: FakeRequest, payload: object) => void
  readonly refuse: (request: FakeRequest, error: object) => void
  readonly event: (event: string, payload: object) => void
  readonly close: (code: number, reason?: string) => void
  /** The TCP connection breaks, without a close frame. */
  readonly cut: () => void
}

export interface FakeGateway {
  readonly url: string
  /** Requests so far, of all sockets, without `connect`. */
  readonly requests: ReadonlyArray<FakeRequest>
  readonly connects: ReadonlyArray<FakeRequest>
  readonly sockets: ReadonlyArray<FakeSocket>
}

export interface FakeGatewayOptions {
  readonly silent?: boolean
  readonly tickIntervalMs?: number
  readonly maxPayload?: number
  readonly protocol?: number
  readonly scopes?: ReadonlyArray<string>
  /** Answers the connect of the given number, from 1, instead of hello-ok. */
  readonly onConnect?: (socket: FakeSocket, request: FakeRequest, number: number) => boolean
  readonly onRequest?: (socket: FakeSocket, request: FakeRequest) => void
}

export const allScopes = ["operator.read", "operator.write", "operator.admin"]

/** A WebSocket server that speaks the handshake of a gateway, and misbehaves as told. Stops with the scope. */
export const make = Effect.fnUntraced(function* (
  options: FakeGatewayOptions = {}
): Effect.fn.Return<FakeGateway, never, Scope.Scope> {
  const requests: Array<FakeRequest> = []
  const connects: Array<FakeRequest> = []
  const sockets: Array<FakeSocket> = []
  const listening = yield* Deferred.make<void>()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ port: 0, host: "127.0.0.1" })),
    (server) =>
      Effect.callback<void>((resume) => {
        for (const client of server.clients) client.terminate()
        server.close(() => resume(Effect.void))
      })
  )
  server.on("listening", () => Deferred.doneUnsafe(listening, Effect.void))
  server.on("connection", (client) => {
    const socket = socketOf(client)
    sockets.push(socket)
    client.on("message", (data) => {
      const request = JSON.parse(String(data)) as FakeRequest
      if (request.method !== "connect") {
        requests.push(request)
        return options.onRequest?.(socket, request)
      }
      connects.push(request)
      if (options.onConnect?.(socket, request, connects.length) === true) return
      socket.respond(request, hello(options, connects.length))
    })
    if (options.silent !== true) socket.event("connect.challenge", { nonce: "n", ts: 1 })
  })
  yield* Deferred.await(listening)
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { url: `ws://127.0.0.1:${port}/`, requests, connects, sockets }
})

const socketOf = (client: WebSocket): FakeSocket => {
  const send = (frame: object) => client.send(JSON.stringify(frame))
  return {
    respond: (request, payload) => send({ type: "res", id: request.id, ok: true, payload }),
    refuse: (request, error) => send({ type: "res", id: request.id, ok: false, error }),
    event: (event, payload) => send({ type: "event", event, payload }),
    close: (code, reason) => client.close(code, reason),
    cut: () => client.terminate()
  }
}

const hello = (options: FakeGatewayOptions, number: number) => ({
  type: "hello-ok",
  protocol: options.protocol ?? 4,
  server: { version: "2026.9.6", bootId: `boot-${number}`, connId: `conn-${number}` },
  features: { methods: [], events: [] },
  auth: { role: "operator", scopes: options.scopes ?? allScopes },
  policy: { maxPayload: options.maxPayload ?? 1_000_000, tickIntervalMs: options.tickIntervalMs ?? 30_000 }
})
