/**
 * The connections from here to runners. The one to a runner that was found dead is cut, so that calls on their way to it fail at once and go to its successor:
 * left alone, the connection to a frozen machine stays open, and each call on it waits for a timeout.
 *
 * A connection that goes silent by itself is noticed by the cluster's ping, after 5 to 10 s: sooner would also cut off runners that are only busy, and have
 * every call on the way sent again. One that broke is tried again after 100 ms, then ever later, at most each second.
 */
import { NodeSocket } from "@effect/platform-node"
import { Context, Effect, Layer, Schedule, type Scope } from "effect"
import { type RunnerAddress, Runners, RunnerStorage, Snowflake } from "effect/cluster"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { createConnection, type Socket as NetSocket } from "node:net"
import { retryHeader } from "../rpc/ActorProtocol.ts"

const openTimeout = "1 second"
const reconnect = Schedule.min([Schedule.exponential("100 millis", 1.5), Schedule.spaced("1 second")])

export class Connections extends Context.Service<
  Connections,
  {
    /** Opens a connection each time it is read. */
    readonly socket: (address: RunnerAddress.RunnerAddress) => Effect.Effect<Socket.Socket>
    readonly cut: (address: RunnerAddress.RunnerAddress) => Effect.Effect<void>
  }
>()("clawster/shards/RunnerSockets/Connections") {
  static readonly layer = Layer.sync(Connections, () => {
    const sockets = new Map<string, Set<NetSocket>>()
    const keyOf = ({ host, port }: RunnerAddress.RunnerAddress) => `${host}:${port}`

    const connect = (address: RunnerAddress.RunnerAddress) => {
      const socket = createConnection({ host: address.host, port: address.port, noDelay: true })
      const peers = sockets.get(keyOf(address)) ?? new Set()
      sockets.set(keyOf(address), peers.add(socket))
      socket.once("close", () => {
        peers.delete(socket)
        if (peers.size === 0 && sockets.get(keyOf(address)) === peers) sockets.delete(keyOf(address))
      })
      return socket
    }

    const open = (address: RunnerAddress.RunnerAddress): Effect.Effect<NetSocket, Socket.SocketError, Scope.Scope> =>
      Effect.flatMap(
        Effect.acquireRelease(
          Effect.sync(() => connect(address)),
          (socket) => Effect.sync(() => (socket.connecting ? socket.destroy() : socket.destroySoon()))
        ),
        (socket) =>
          Effect.callback<NetSocket, Socket.SocketError>((resume) => {
            socket.once("connect", () => resume(Effect.succeed(socket)))
            socket.on("error", (cause) =>
              resume(
                Effect.fail(new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) }))
              )
            )
          })
      )

    return {
      socket: (address) => NodeSocket.fromDuplex(open(address), { openTimeout }),
      cut: (address) =>
        Effect.sync(() => {
          for (const socket of sockets.get(keyOf(address)) ?? []) socket.destroy(new Error("the runner was found dead"))
        })
    }
  })
}

const protocol = Layer.effect(
  Runners.RpcClientProtocol,
  Effect.gen(function* () {
    const serialization = yield* RpcSerialization.RpcSerialization
    const connections = yield* Connections
    return {
      codecFor: serialization.codecFor,
      make: Effect.fnUntraced(function* (address) {
        const socket = yield* connections.socket(address)
        return yield* RpcClient.makeProtocolSocket({ retryPolicy: reconnect }).pipe(
          Effect.provideService(Socket.Socket, socket),
          Effect.provideService(RpcSerialization.RpcSerialization, serialization)
        )
      })
    }
  })
)

/**
 * The cluster sends a message again by itself, every 50 ms, when its runner is gone or does not have the shard. Such a message is marked, since what it asks may
 * have been done. It is held back ever longer, and all of a process together to 4,000 a second: thousands of callers that wait out an outage
 * must not keep the runners busy with being asked. None is held back longer than `heldBackMillis`.
 */
const failuresAtOnce = 10
const backoff = (failed: number) => failed < failuresAtOnce ? 0 : Math.min(25 * 2 ** (failed - failuresAtOnce), 2_000)
const gapMillis = 0.25
const heldBackMillis = 8_000

class Pacing {
  readonly #failed = new WeakMap<object, number>()
  #nextAt = 0

  /** Milliseconds until this message may be sent again. */
  wait(message: object, now: number): number {
    const failed = this.#failed.get(message) ?? 0
    this.#failed.set(message, failed + 1)
    this.#nextAt = Math.min(Math.max(this.#nextAt + gapMillis, now), now + heldBackMillis)
    return Math.max(backoff(failed), Math.floor(this.#nextAt - now))
  }
}

/** A runner that left in order has handed over, and closes its connections itself; one that is still registered was found dead. */
const isDead = (storage: RunnerStorage.RunnerStorage["Service"], address: RunnerAddress.RunnerAddress) =>
  storage.getRunners.pipe(
    Effect.map((runners) =>
      runners.some(
        ([runner, alive]) => !alive && runner.address.host === address.host && runner.address.port === address.port
      )
    ),
    Effect.orElseSucceed(() => false)
  )

/** Over any connections. */
export const layerOver = (connections: Layer.Layer<Connections>) =>
  Layer.effect(
    Runners.Runners,
    Effect.gen(function* () {
      const runners = yield* Runners.makeRpc
      const connections = yield* Connections
      const storage = yield* RunnerStorage.RunnerStorage
      const pacing = new Pacing()
      return Runners.Runners.of({
        ...runners,
        send: (options) =>
          Effect.tapError(runners.send(options), () =>
            Effect.clockWith((clock) => {
              const { message } = options
              if (message._tag !== "OutgoingRequest") return Effect.void
              ;(message.envelope.headers as Record<string, string>)[retryHeader] = "1"
              const wait = pacing.wait(message, clock.currentTimeMillisUnsafe())
              return wait === 0 ? Effect.void : Effect.sleep(wait)
            })
          ),
        onRunnerUnavailable: (address) =>
          Effect.when(connections.cut(address), isDead(storage, address)).pipe(
            Effect.andThen(runners.onRunnerUnavailable(address))
          )
      })
    })
  ).pipe(Layer.provide(protocol), Layer.provide(connections), Layer.provide(Snowflake.layerGenerator))

export const layer = layerOver(Connections.layer)
