/**
 * A gateway process: REST, RPC and events for a cluster whose runners are other processes. Any number can run behind a
 * load balancer.
 */
import { Effect, Layer, Option } from "effect"
import * as MetricsServerNode from "../observability/metrics/MetricsServerNode.ts"
import * as Observability from "../observability/Observability.ts"
import * as Cluster from "../shards/Cluster.ts"
import * as Database from "../shards/Database.ts"
import * as SchemaVersion from "../shards/SchemaVersion.ts"
import * as Gateway from "./GatewayLayer.ts"
import * as InstancesFile from "./InstancesFile.ts"
import { launch } from "./launch/Launch.ts"
import * as Settings from "./Settings.ts"
import * as TenantDefaultsSetting from "./TenantDefaultsSetting.ts"
import * as DeploymentCapsSetting from "./settings/DeploymentCapsSetting.ts"
import * as EnvironmentCheck from "./settings/EnvironmentCheck.ts"

const observability = Layer.unwrap(
  Effect.map(Settings.gateway, ({ host, port }) => Observability.layer("gateway", `${host}:${port}`))
)

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { defaultTenant, host, metrics, port, socketsMost } = yield* Settings.gateway
    const ownMetrics = Option.isNone(metrics) ? Layer.empty : MetricsServerNode.layer(metrics.value)
    const tenantDefaults = yield* TenantDefaultsSetting.configured
    const deploymentCaps = yield* DeploymentCapsSetting.configured
    const options = {
      host,
      port,
      socketsMost,
      tenantDefaults,
      deploymentCaps,
      defaultTenant: Option.getOrUndefined(defaultTenant)
    }
    return Layer.mergeAll(Gateway.layer(options), InstancesFile.layerConfig).pipe(
      Layer.provideMerge(ownMetrics),
      Layer.provide(Cluster.layerClient())
    )
  })
).pipe(
  Layer.provide(SchemaVersion.layer),
  Layer.provide(Database.layerConfig),
  Layer.provide(EnvironmentCheck.layerTell),
  Layer.provide(observability),
  Layer.provide(EnvironmentCheck.layerRefuse("gateway"))
)

if (import.meta.main) launch(layer)
