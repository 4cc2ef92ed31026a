/**
 * The actor runtime, assembled: on many runners with PostgreSQL, as a client of them, or in one process with
 * PostgreSQL.
 */
import { Layer } from "effect"
import { MessageStorage, RunnerHealth, Runners, RunnerStorage, Sharding, ShardingConfig } from "effect/cluster"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { ActorDirectory } from "../actor/ActorDirectory.ts"
import { FastPath } from "../actor/FastPath.ts"
import * as LeanContext from "../actor/LeanContext.ts"
import { Residents } from "../actor/Residents.ts"
import * as Wakes from "../actor/Wakes.ts"
import type { Placement } from "../schema/Ids.ts"
import * as BoundedClose from "./BoundedClose.ts"
import * as CallServer from "./calls/CallServer.ts"
import * as ClusterConfig from "./ClusterConfig.ts"
import * as FailureDetector from "./FailureDetector.ts"
import * as Held from "./Held.ts"
import * as LeaseHealth from "./LeaseHealth.ts"
import * as LeaseChecks from "./messages/LeaseChecks.ts"
import * as PatientLeases from "./PatientLeases.ts"
import * as PgMessageStorage from "./messages/PgMessageStorage.ts"
import * as PgJournal from "./PgJournal.ts"
import * as PgTombstones from "./PgTombstones.ts"
import * as PromptSharding from "./PromptSharding.ts"
import * as RunnerPort from "./RunnerPort.ts"
import * as RunnerSockets from "./RunnerSockets.ts"
import * as PgRunnerStorage from "./RunnerStorage.ts"

const kit = ActorDirectory.layer.pipe(
  Layer.provide(PgTombstones.departed),
  Layer.provideMerge(Wakes.layer()),
  Layer.provideMerge(PgJournal.layer)
)

const leases = PgRunnerStorage.layer.pipe(Layer.provideMerge(Held.layer))

/**
 * Who owns which shard, and the messages of persisted entities where they are wanted: Clawster's own actors need none.
 */
const storage = ({ messages = false }: Pick<ClusterConfig.ClusterOptions, "messages">) =>
  messages
    ? Layer.merge(LeaseChecks.layer.pipe(Layer.provideMerge(leases)), PgMessageStorage.layer)
    : Layer.merge(PatientLeases.layer.pipe(Layer.provideMerge(leases)), MessageStorage.layerNoop)

const lean = (sharding: typeof Sharding.layer) =>
  LeanContext.layer(sharding, [
    MessageStorage.MessageStorage,
    RunnerHealth.RunnerHealth,
    Runners.Runners,
    RunnerStorage.RunnerStorage,
    ShardingConfig.ShardingConfig
  ])

/** A runner: serves actors of its placements on `host:port`. Stopping it hands every shard over. */
export const layerRunner = (options: ClusterConfig.ClusterOptions) =>
  kit.pipe(
    Layer.provideMerge(FailureDetector.layer()),
    Layer.provideMerge(
      CallServer.layer.pipe(
        BoundedClose.within("2 seconds"),
        Layer.provideMerge(lean(PromptSharding.layer)),
        Layer.provideMerge(RunnerSockets.layer),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provide([RunnerPort.layer, LeaseHealth.layer])
      )
    ),
    Layer.provideMerge([storage(options), Residents.layer]),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provideMerge(ClusterConfig.runner(options))
  )

/** Calls actors from a process that serves none. `messages`: persisted entities too. */
export const layerClient = (placements: ReadonlyArray<Placement>, options: { readonly messages?: boolean } = {}) =>
  Sharding.layer.pipe(
    Layer.provideMerge(RunnerSockets.layer),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(storage(options)),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(ClusterConfig.client(placements))
  )

/** One process, no port: for a laptop and for embedding. The same storage, so a cluster may take over later. */
export const layerSingle = (options: Omit<ClusterConfig.ClusterOptions, "host" | "port">) =>
  kit.pipe(
    Layer.provideMerge(lean(Sharding.layer).pipe(Layer.provide([Runners.layerNoop, LeaseHealth.layer]))),
    Layer.provideMerge(FastPath.layerLocal),
    Layer.provideMerge([storage(options), Residents.layer]),
    Layer.provideMerge(ClusterConfig.runner({ ...options, host: "embedded", port: 1 }))
  )
