/**
 * The transport from this process to runners. The connection to a runner that was found dead is cut, so that calls in
 * flight to it fail at once and go to its successor: left alone, the connection to a frozen machine stays open, and
 * each call on it waits for a timeout.
 *
 * A connection that goes silent by itself is detected by the cluster's ping, after 5 to 10 s: earlier detection would
 * also disconnect runners that are only busy, and every call in flight would be sent again.
 */
import { Effect, Layer } from "effect"
import { type RunnerAddress, Runners, RunnerStorage, Snowflake } from "effect/cluster"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { retryHeader } from "../../actor/Protocol.ts"
import * as CallClient from "./calls/CallClient.ts"
import { ShardRoutes } from "./calls/ShardRoutes.ts"
import { RunnerConnections, reconnect } from "./RunnerConnections.ts"

const protocol = Layer.effect(
  Runners.RpcClientProtocol,
  Effect.gen(function* () {
    const serialization = yield* RpcSerialization.RpcSerialization
    const connections = yield* RunnerConnections
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
 * The cluster sends a message again by itself, every 50 ms, when its runner is gone or does not own the shard. Such a
 * message is marked as a retry, since its command may have been executed. It is delayed with exponential backoff, and
 * all such messages of a process together are limited to 1,000 per second: thousands of callers that wait out an outage
 * must not keep the runners busy with retries. No message is delayed for longer than `heldBackMillis`.
 */
const failuresAtOnce = 10
const backoff = (failed: number) => (failed < failuresAtOnce ? 0 : Math.min(25 * 2 ** (failed - failuresAtOnce), 2_000))
const gapMillis = 1
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

/**
 * A runner that shut down gracefully has handed over, and closes its connections itself; an unavailable runner that is
 * still registered was found dead.
 */
const isDead = (storage: RunnerStorage.RunnerStorage["Service"], address: RunnerAddress.RunnerAddress) =>
  storage.getRunners.pipe(
    Effect.map((runners) =>
      runners.some(
        ([runner, alive]) => !alive && runner.address.host === address.host && runner.address.port === address.port
      )
    ),
    Effect.orElseSucceed(() => false)
  )

const runners = Layer.effect(
  Runners.Runners,
  Effect.gen(function* () {
    const runners = yield* Runners.makeRpc
    const connections = yield* RunnerConnections
    const routes = yield* ShardRoutes
    const storage = yield* RunnerStorage.RunnerStorage
    const pacing = new Pacing()
    return Runners.Runners.of({
      ...runners,
      send: (options) =>
        Effect.tapError(
          Effect.tap(runners.send(options), () =>
            Effect.sync(() => routes.learn(options.message.envelope.address.shardId.toString(), options.address))
          ),
          () =>
            Effect.clockWith((clock) => {
              const { message } = options
              if (message._tag !== "OutgoingRequest") return Effect.void
              ;(message.envelope.headers as Record<string, string>)[retryHeader] = "1"
              const wait = pacing.wait(message, clock.currentTimeMillisUnsafe())
              return wait === 0 ? Effect.void : Effect.sleep(wait)
            })
        ),
      onRunnerUnavailable: (address) =>
        Effect.sync(() => routes.forgetRunner(address)).pipe(
          Effect.andThen(Effect.when(connections.cut(address), isDead(storage, address))),
          Effect.andThen(runners.onRunnerUnavailable(address))
        )
    })
  })
)

/** The transport over any connections, with the fast path to actors in shards that the cluster has delivered to. */
export const layerOver = (connections: Layer.Layer<RunnerConnections>) =>
  Layer.mergeAll(runners, CallClient.layer).pipe(
    Layer.provide(protocol),
    Layer.provide([connections, ShardRoutes.layer, Snowflake.layerGenerator])
  )

export const layer = layerOver(RunnerConnections.layer)
