/** The connections from this process to runners. */
import { NodeSocket } from "@effect/platform-node"
import { Context, Effect, Layer, Schedule, type Scope } from "effect"
import type { RunnerAddress } from "effect/cluster"
import { Socket } from "effect/socket"
import { createConnection, type Socket as NetSocket } from "node:net"
import * as Cork from "./Cork.ts"

const openTimeout = "1 second"
/** Reconnects a broken connection after 100 ms, with exponential backoff up to 1 s. */
export const reconnect = Schedule.min([Schedule.exponential("100 millis", 1.5), Schedule.spaced("1 second")])

export class RunnerConnections extends Context.Service<
  RunnerConnections,
  {
    /** The socket opens a new connection each time it is run. */
    readonly socket: (address: RunnerAddress.RunnerAddress) => Effect.Effect<Socket.Socket>
    readonly cut: (address: RunnerAddress.RunnerAddress) => Effect.Effect<void>
  }
>()("clawster/shards/transport/RunnerConnections") {
  static readonly layer = Layer.sync(RunnerConnections, () => {
    const sockets = new Map<string, Set<NetSocket>>()
    const keyOf = ({ host, port }: RunnerAddress.RunnerAddress) => `${host}:${port}`

    const connect = (address: RunnerAddress.RunnerAddress) => {
      const socket = createConnection({ host: address.host, port: address.port, noDelay: true })
      Cork.eachTurn(socket)
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
