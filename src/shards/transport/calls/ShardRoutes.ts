/**
 * Where the cluster last delivered to each shard, and to which runner. A route is a hint for faster calls and is
 * forgotten at the first doubt; the cluster decides where a shard is.
 */
import { Context, Layer } from "effect"
import type { RunnerAddress } from "effect/cluster"

const keyOf = ({ host, port }: RunnerAddress.RunnerAddress) => `${host}:${port}`

export class ShardRoutes extends Context.Service<
  ShardRoutes,
  {
    readonly find: (shardId: string) => RunnerAddress.RunnerAddress | undefined
    readonly learn: (shardId: string, address: RunnerAddress.RunnerAddress) => void
    readonly forgetShard: (shardId: string) => void
    readonly forgetRunner: (address: RunnerAddress.RunnerAddress) => void
  }
>()("clawster/shards/transport/calls/ShardRoutes") {
  static readonly layer = Layer.sync(ShardRoutes, () => {
    const routes = new Map<string, RunnerAddress.RunnerAddress>()
    return ShardRoutes.of({
      find: (shardId) => routes.get(shardId),
      learn: (shardId, address) => void routes.set(shardId, address),
      forgetShard: (shardId) => void routes.delete(shardId),
      forgetRunner: (address) => {
        const key = keyOf(address)
        for (const [shardId, known] of routes) if (keyOf(known) === key) routes.delete(shardId)
      }
    })
  })
}
