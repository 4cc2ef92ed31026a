/**
 * The port on which a runner accepts connections from other processes. When it stops, every connection is cut at once:
 * the actors have been handed over by then, and waiting until each peer has hung up could take for ever, since some
 * peers were disconnected while this runner was frozen.
 */
import { NodeSocket, NodeSocketServer } from "@effect/platform-node"
import { Effect, Fiber, Layer, Option } from "effect"
import { ShardingConfig } from "effect/cluster"
import { SocketServer } from "effect/socket"
import type { Socket as NetSocket } from "node:net"
import * as Cork from "./Cork.ts"

/** Time for handlers that are still running when their connection is cut. */
const handlersEndWithin = "2 seconds"

const make = Effect.gen(function* () {
  const config = yield* ShardingConfig.ShardingConfig
  const address = yield* Option.orElse(config.runnerListenAddress, () => config.runnerAddress).pipe(
    Option.match({ onNone: () => Effect.die("a runner needs an address to listen on"), onSome: Effect.succeed })
  )
  const server = yield* NodeSocketServer.make({ host: address.host, port: address.port })
  const connections = new Set<NetSocket>()
  const cut = Effect.sync(() => {
    for (const connection of connections) connection.destroy()
  })
  yield* Effect.addFinalizer(() => cut)

  const track = Effect.gen(function* () {
    const connection = yield* Effect.serviceOption(NodeSocket.NetSocket)
    if (Option.isNone(connection)) return
    const socket = connection.value as NetSocket
    socket.setNoDelay(true)
    Cork.eachTurn(socket)
    connections.add(socket)
    socket.once("close", () => connections.delete(socket))
  })

  const run: SocketServer.SocketServer["Service"]["run"] = (handler) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const serving = yield* Effect.forkDetach(
          restore(server.run((socket) => Effect.andThen(track, handler(socket))))
        )
        return yield* restore(Fiber.join(serving)).pipe(
          Effect.onInterrupt(() =>
            Effect.andThen(cut, Effect.timeoutOption(Fiber.interrupt(serving), handlersEndWithin))
          )
        )
      })
    )
  return SocketServer.SocketServer.of({ ...server, run })
})

export const layer = Layer.effect(SocketServer.SocketServer, make)
