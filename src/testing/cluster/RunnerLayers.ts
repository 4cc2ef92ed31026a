/**
 * The layers of a simulated process: the cluster's own runner and client, over the virtual network and the virtual
 * store.
 */
import { Layer } from "effect"
import { MessageStorage, RunnerHealth, Sharding } from "effect/cluster"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import type { Journal } from "../../actor/Journal.ts"
import { ActivationDirectory } from "../../actor/runtime/ActivationDirectory.ts"
import * as WakeScheduler from "../../actor/runtime/WakeScheduler.ts"
import type { Placement } from "../../schema/Ids.ts"
import * as CallServer from "../../shards/transport/calls/CallServer.ts"
import * as ClusterConfig from "../../shards/ClusterConfig.ts"
import * as FailureDetector from "../../shards/leases/FailureDetector.ts"
import * as OwnedShards from "../../shards/leases/OwnedShards.ts"
import * as ChangedGroups from "../../shards/effect-patches/ChangedGroups.ts"
import * as LeaseHealth from "../../shards/effect-patches/LeaseHealth.ts"
import * as RenewalGrace from "../../shards/effect-patches/RenewalGrace.ts"
import * as FastAcquisition from "../../shards/effect-patches/FastAcquisition.ts"
import * as RunnersTransport from "../../shards/transport/RunnersTransport.ts"
import type { Database } from "../store/Database.ts"
import * as JournalTable from "../store/JournalTable.ts"
import * as ResourceTable from "../store/ResourceTable.ts"
import * as LeaseTable from "../store/LeaseTable.ts"
import type { Host } from "../world/Host.ts"
import * as SocketLayers from "../world/SocketLayers.ts"
import type { Sockets } from "../world/Sockets.ts"

export interface RunnerOptions {
  readonly host: Host
  readonly database: Database
  readonly sockets: Sockets
  readonly serves: ReadonlyArray<Placement>
  readonly leaseMillis: number
  readonly journal?: ((journal: Journal["Service"]) => Journal["Service"]) | undefined
}

export const runnerPort = 1

const storage = ({ database, host }: Pick<RunnerOptions, "database" | "host">) =>
  RenewalGrace.layer.pipe(Layer.provideMerge(LeaseTable.layer(database, host)), Layer.provideMerge(OwnedShards.layer))

/** The counterpart of `Cluster.layerRunner`. */
export const runner = (options: RunnerOptions) => {
  const { database, host, journal, leaseMillis, serves, sockets } = options
  return ActorDirectory.layer.pipe(
    Layer.provideMerge(WakeScheduler.layer()),
    Layer.provideMerge([JournalTable.layer(database, host, journal), ResourceTable.layer(database, host)]),
    Layer.provideMerge(FailureDetector.layer(FailureDetector.defaults, SocketLayers.knockOver(sockets, host))),
    Layer.provideMerge(
      CallServer.layer.pipe(
        Layer.provideMerge(ChangedGroups.noticed(FastAcquisition.layer)),
        Layer.provideMerge(RunnersTransport.layerOver(SocketLayers.connections(sockets, host))),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provide([SocketLayers.socketServer(sockets, host), LeaseHealth.layer])
      )
    ),
    Layer.provideMerge(storage(options)),
    Layer.provideMerge(ActivationDirectory.layer),
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(RpcSerialization.layerNdjson),
    Layer.provideMerge(ClusterConfig.runner({ host: host.name, port: runnerPort, serves, leaseMillis }))
  )
}

/** The counterpart of `Cluster.layerClient`. */
export const client = (options: Pick<RunnerOptions, "host" | "database" | "sockets">) =>
  ChangedGroups.noticed(Sharding.layer).pipe(
    Layer.provideMerge(RunnersTransport.layerOver(SocketLayers.connections(options.sockets, options.host))),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(storage(options)),
    Layer.provide(MessageStorage.layerNoop),
    Layer.provide(RpcSerialization.layerNdjson),
    Layer.provide(ClusterConfig.client)
  )
