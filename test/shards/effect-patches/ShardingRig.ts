/** The cluster's sharding as one runner's, over a store in which the test says who else is registered. */
import { Context, Effect, Layer, Option } from "effect"
import {
  MessageStorage,
  Runner,
  RunnerAddress,
  RunnerHealth,
  Runners,
  RunnerStorage,
  ShardId,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { TestClock } from "effect/testing"

const self = RunnerAddress.make("me", 1)

export const peerOf = (host: string, groups: ReadonlyArray<string>) =>
  Runner.make({ address: RunnerAddress.make(host, 1), groups, weight: 1 })

export interface RigOptions {
  /** What is tested: the module's layer, patched or not. */
  readonly sharding: typeof Sharding.layer
  readonly groups: ReadonlyArray<string>
  readonly shardsPerGroup: number
  readonly peers: () => ReadonlyArray<Runner.Runner>
  /** Shards that another runner does not let go. */
  readonly taken?: ReadonlySet<string>
}

export const make = Effect.fnUntraced(function* ({ groups, peers, sharding, shardsPerGroup, taken }: RigOptions) {
  const released = new Set<string>()
  let own: Runner.Runner | undefined
  let registrations = 0
  const storage = RunnerStorage.RunnerStorage.of({
    register: (runner) =>
      Effect.sync(() => {
        own = runner
        registrations++
        return 1 as never
      }),
    unregister: () => Effect.void,
    getRunners: Effect.sync(() =>
      [...(own === undefined ? [] : [own]), ...peers()].map((runner) => [runner, true] as [Runner.Runner, boolean])
    ),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shardIds) =>
      Effect.sync(() => [...shardIds].filter((shardId) => taken?.has(String(shardId)) !== true)),
    refresh: (_, shardIds) => Effect.succeed([...shardIds]),
    release: (_, shardId) => Effect.sync(() => void released.add(String(shardId))),
    releaseAll: () => Effect.void
  })
  const context = yield* Layer.build(
    sharding.pipe(
      Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop]),
      Layer.provide(MessageStorage.layerNoop),
      Layer.provide(Layer.succeed(RunnerStorage.RunnerStorage, storage)),
      Layer.provide(
        ShardingConfig.layer({
          runnerAddress: Option.some(self),
          availableShardGroups: groups,
          assignedShardGroups: groups,
          shardsPerGroup,
          refreshAssignmentsInterval: "100 millis",
          entityMessagePollInterval: "1 hour"
        })
      )
    )
  )
  const { hasShardId } = Context.get(context, Sharding.Sharding)
  yield* TestClock.adjust("50 millis")
  return {
    released,
    registrations: () => registrations,
    /** The numbers of the shards of a group that this runner has. */
    holds: (group: string) =>
      Array.from({ length: shardsPerGroup }, (_, n) => n + 1).filter((id) => hasShardId(ShardId.make(group, id)))
  }
})
