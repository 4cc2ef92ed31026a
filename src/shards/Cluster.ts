/**
 * Layers that assemble the actor runtime on PostgreSQL: a runner of a cluster, a client of a cluster, or a single
 * process.
 */
import { Layer } from "effect"
import { MessageStorage, RunnerHealth, Runners, RunnerStorage, Sharding, ShardingConfig } from "effect/cluster"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { ActorDirectory } from "../actor/runtime/ActorDirectory.ts"
import { FastPath } from "../actor/client/FastPath.ts"
import * as ContextTrim from "../actor/runtime/ContextTrim.ts"
import { ActivationDirectory } from "../actor/runtime/ActivationDirectory.ts"
import * as WakeScheduler from "../actor/runtime/WakeScheduler.ts"
import * as Anchors from "./effect-patches/Anchors.ts"
import * as BoundedClose from "./effect-patches/BoundedClose.ts"
import * as ChangedGroups from "./effect-patches/ChangedGroups.ts"
import * as CallServer from "./transport/calls/CallServer.ts"
import * as ClusterConfig from "./ClusterConfig.ts"
import * as FailureDetector from "./leases/FailureDetector.ts"
import * as OwnedShards from "./leases/OwnedShards.ts"
import * as LeaseHealth from "./effect-patches/LeaseHealth.ts"
import * as LeaseChecks from "./effect-patches/LeaseChecks.ts"
import * as RenewalGrace from "./effect-patches/RenewalGrace.ts"
import * as PgMessageStorage from "./messages/PgMessageStorage.ts"
import * as PgJournal from "./journal/PgJournal.ts"
import * as PgResources from "./journal/PgResources.ts"
import * as PgTombstones from "./journal/PgTombstones.ts"
import * as FastAcquisition from "./effect-patches/FastAcquisition.ts"
import * as RunnerPort from "./transport/RunnerPort.ts"
import * as RunnersTransport from "./transport/RunnersTransport.ts"
import * as PgLeases from "./leases/PgLeases.ts"

const kit = ActorDirectory.layer.pipe(
  Layer.provide(PgTombstones.departed),
  Layer.provideMerge(WakeScheduler.layer()),
  Layer.provideMerge([PgJournal.layer, PgResources.layer])
)

const leases = PgLeases.layer.pipe(Layer.provideMerge(OwnedShards.layer))

/**
 * Shard ownership (leases) and, with `messages`, the message storage of persisted entities. Clawster's own actors need
 * no message storage.
 */
const storage = ({ messages = false }: Pick<ClusterConfig.ClusterOptions, "messages">) =>
  messages
    ? Layer.merge(LeaseChecks.layer.pipe(Layer.provideMerge(leases)), PgMessageStorage.layer)
    : Layer.merge(RenewalGrace.layer.pipe(Layer.provideMerge(leases)), MessageStorage.layerNoop)

const lean = (sharding: typeof Sharding.layer) =>
  ContextTrim.layer(sharding, [
    MessageStorage.MessageStorage,
    RunnerHealth.RunnerHealth,
    Runners.Runners,
    RunnerStorage.RunnerStorage,
    ShardingConfig.ShardingConfig
  ])

/** A runner, which serves the actors of its placements on `host:port`. Closing the layer hands every shard over. */
export const layerRunner = (options: ClusterConfig.ClusterOptions) =>
  kit.pipe(
    Layer.provideMerge(FailureDetector.layer()),
    Layer.provideMerge(
      CallServer.layer.pipe(
        BoundedClose.within("2 seconds"),
        Layer.provideMerge(lean(ChangedGroups.noticed(FastAcquisition.layer))),
        Layer.provideMerge(RunnersTransport.layer),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provide([RunnerPort.layer, LeaseHealth.layer])
      )
    ),
    Layer.provideMerge([storage(options), ActivationDirectory.layer]),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provideMerge(ClusterConfig.runner(options)),
    Layer.provide(Layer.effectDiscard(Anchors.check))
  )

/**
 * A client: calls actors from a process that serves none, in every placement that has runners, also when they join
 * later. With `messages` it can call persisted entities, too.
 */
export const layerClient = (options: { readonly messages?: boolean } = {}) =>
  ChangedGroups.noticed(Sharding.layer).pipe(
    Layer.provideMerge(RunnersTransport.layer),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(storage(options)),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(ClusterConfig.client)
  )

/**
 * A single process without a port, for a laptop or for embedding. It uses the storage of a cluster, so a cluster can
 * take over its data later.
 */
export const layerSingle = (options: Omit<ClusterConfig.ClusterOptions, "host" | "port">) =>
  kit.pipe(
    Layer.provideMerge(lean(Sharding.layer).pipe(Layer.provide([Runners.layerNoop, LeaseHealth.layer]))),
    Layer.provideMerge(FastPath.layerLocal),
    Layer.provideMerge([storage(options), ActivationDirectory.layer]),
    Layer.provideMerge(ClusterConfig.runner({ ...options, host: "embedded", port: 1 }))
  )
