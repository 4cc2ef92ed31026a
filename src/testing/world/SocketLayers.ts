/**
 * Provides a host's sockets as the services on which the cluster's own transport is built, so that this transport runs
 * unchanged.
 */
import { Context, Effect, Exit, Fiber, Latch, Layer, Scope } from "effect"
import { ShardingConfig } from "effect/cluster"
import { Socket, SocketServer } from "effect/socket"
import type { Knock } from "../../shards/leases/FailureDetector.ts"
import { RunnerConnections } from "../../shards/transport/RunnerConnections.ts"
import type { Host } from "./Host.ts"
import type { End, Loss, Sockets } from "./Sockets.ts"

const openTimeout = "1 second"

const errorOf = (loss: Loss) =>
  new Socket.SocketError({
    reason:
      loss === "closed"
        ? new Socket.SocketCloseError({ code: 1000 })
        : new Socket.SocketReadError({ cause: new Error("the connection was reset") })
  })

const notOpened = (kind: "Timeout" | "Unknown", message: string) =>
  new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind, cause: new Error(message) }) })

/** A socket that opens its connection when it is read, and a new one each time it is read again. */
const socketOver = (open: Effect.Effect<End, Socket.SocketError>): Socket.Socket => {
  const latch = Latch.makeUnsafe(false)
  let current: End | undefined

  const reader: Socket.Socket["reader"] = Effect.gen(function* () {
    const scope = yield* Effect.scope
    const end = yield* Effect.uninterruptibleMask((restore) =>
      Effect.tap(restore(open), (end) =>
        Scope.addFinalizer(
          scope,
          Effect.sync(() => {
            end.close()
            current = undefined
            latch.closeUnsafe()
          })
        )
      )
    )
    current = end
    latch.openUnsafe()
    const pull: Socket.Reader["pull"] = Effect.callback((resume) => {
      const look = () => {
        const frames = end.read()
        if (frames === undefined && end.loss === undefined) return
        end.onReadable = undefined
        resume(frames === undefined ? Effect.fail(errorOf(end.loss!)) : Effect.succeed(frames as [string]))
      }
      end.onReadable = look
      look()
      return Effect.sync(() => {
        if (end.onReadable === look) end.onReadable = undefined
      })
    })
    return { pull, upgrade: Socket.SocketUpgradeError.unsupported }
  })

  const write = (chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
    Effect.suspend(() => {
      if (current === undefined) return latch.whenOpen(write(chunk))
      if (Socket.isCloseEvent(chunk)) {
        current.close()
        return Effect.void
      }
      return current.write(chunk)
        ? Effect.void
        : Effect.fail(new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause: new Error("EPIPE") }) }))
    })
  const writer: Socket.Socket["writer"] = Effect.succeed({
    write,
    writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true })
  })
  return Socket.make({ reader, writer })
}

const dial = (sockets: Sockets, host: Host, to: string): Effect.Effect<End, Socket.SocketError> =>
  Effect.callback<End, Socket.SocketError>((resume) => {
    let wanted = true
    sockets.connect(host, to, (answer) => {
      if (answer === "refused") resume(Effect.fail(notOpened("Unknown", "the port refuses")))
      else if (wanted) resume(Effect.succeed(answer))
      else answer.close()
    })
    return Effect.sync(() => {
      wanted = false
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: openTimeout,
      orElse: () => Effect.fail(notOpened("Timeout", "the connection timed out"))
    })
  )

export const connections = (sockets: Sockets, host: Host) =>
  Layer.sync(RunnerConnections, () => ({
    socket: (address) => Effect.sync(() => socketOver(dial(sockets, host, address.host))),
    cut: (address) => Effect.sync(() => sockets.cut(host, address.host))
  }))

export const socketServer = (sockets: Sockets, host: Host) =>
  Layer.effect(
    SocketServer.SocketServer,
    Effect.gen(function* () {
      yield* ShardingConfig.ShardingConfig
      let accept: ((end: End) => void) | undefined
      const pending: Array<End> = []
      const stop = sockets.listen(host, (end) => (accept === undefined ? void pending.push(end) : accept(end)))
      yield* Effect.addFinalizer(() => Effect.sync(stop))
      return SocketServer.SocketServer.of({
        address: { _tag: "UnixPathAddress", path: host.name } as SocketServer.SocketServer["Service"]["address"],
        run: Effect.fnUntraced(function* <R, E, A>(handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>) {
          const scope = yield* Scope.make()
          const services = Context.omit(Scope.Scope)(yield* Effect.context<R>()) as Context.Context<R>
          const track = Fiber.runIn(scope)
          accept = (end) => {
            track(Effect.runForkWith(services)(Effect.ignoreCause(handler(socketOver(Effect.succeed(end))))))
          }
          for (const end of pending.splice(0)) accept(end)
          return yield* Effect.ensuring(
            Effect.never,
            Effect.suspend(() => {
              accept = undefined
              return Scope.close(scope, Exit.void)
            })
          )
        })
      })
    })
  )

export const knockOver =
  (sockets: Sockets, host: Host): Knock =>
  (to) =>
    Effect.callback<"answers" | "refuses">((resume) =>
      sockets.knock(host, to, (verdict) => resume(Effect.succeed(verdict)))
    ).pipe(
      Effect.timeoutOption("1 second"),
      Effect.map((verdict) => (verdict._tag === "Some" ? verdict.value : "silent"))
    )
