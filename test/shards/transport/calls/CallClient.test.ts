import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { RunnerAddress } from "effect/cluster"
import { RpcSerialization } from "effect/rpc"
import { commands } from "../../../../src/actor/state/Codec.ts"
import { FastPath } from "../../../../src/actor/client/FastPath.ts"
import * as CallClient from "../../../../src/shards/transport/calls/CallClient.ts"
import { ShardRoutes } from "../../../../src/shards/transport/calls/ShardRoutes.ts"
import { RunnerConnections } from "../../../../src/shards/transport/RunnerConnections.ts"
import { Counter, CounterRpcs } from "../../../fixtures/Counter.ts"

/** A runner that takes no connection: what it is asked waits. */
const silent = Layer.succeed(RunnerConnections, { socket: () => Effect.never, cut: () => Effect.void })

const layer = CallClient.layer.pipe(
  Layer.provideMerge(ShardRoutes.layer),
  Layer.provide([silent, RpcSerialization.layerNdjson])
)

describe("the calls to a runner that have no answer yet", () => {
  it.effect("go another way beyond a weight, also where their number is small", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(layer)
      Context.get(context, ShardRoutes).learn("default:1", RunnerAddress.make("runner", 1))
      const { ask } = Context.get(context, FastPath)
      const codecOf = commands(CounterRpcs.requests)
      const target = { entityType: Counter.type, entityId: "a", shardId: () => "default:1", codecOf }
      const job = "x".repeat(CallClient.textUnderWay / 8)
      const isTaken = (n: number, payload: object) =>
        ask(target, {
          tag: "Work",
          payload,
          requestId: `request-${n}`,
          fingerprint: null,
          again: false,
          resume: () => {}
        })
      assert.deepStrictEqual(
        Array.from({ length: 10 }, (_, n) => isTaken(n, { job })),
        [true, true, true, true, true, true, true, true, false, false]
      )
    }).pipe(Effect.scoped)
  )
})
