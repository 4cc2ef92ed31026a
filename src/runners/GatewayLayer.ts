/**
 * The gateway as a layer: the edge on a port, over the cluster's client and the database. Any number of gateways may
 * run in parallel.
 */
import { Context, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { KeyService } from "../auth/KeyService.ts"
import { InstanceReads } from "../ports/InstanceReads.ts"
import { TaskReads } from "../ports/Reads.ts"
import { DeploymentCaps } from "../ports/DeploymentCaps.ts"
import { TenantDefaults } from "../ports/tenants/Tenants.ts"
import type { DeploymentCaps as Caps } from "../schema/Deployment.ts"
import { EdgeConfig } from "../gateway/EdgeConfig.ts"
import { everyInstance } from "../gateway/service/instances/EveryInstance.ts"
import * as ServerNode from "../gateway/ServerNode.ts"
import * as FleetMetrics from "../observability/metrics/FleetMetrics.ts"
import * as ProcessMetricsNode from "../observability/metrics/ProcessMetricsNode.ts"
import type { TenantId } from "../schema/Ids.ts"
import type { TenantDefaults as Defaults } from "../schema/Tenant.ts"
import * as PgTombstones from "../shards/journal/PgTombstones.ts"
import * as PgOutputs from "../shards/journal/PgOutputs.ts"
import * as PgKeyStores from "../shards/reads/PgKeyStores.ts"
import * as PgDeadMessages from "../shards/reads/PgDeadMessages.ts"
import * as PgCluster from "../shards/reads/PgCluster.ts"
import * as PgFeed from "../shards/reads/feed/PgFeed.ts"
import * as PgTasks from "../shards/reads/tasks/PgTasks.ts"
import * as PgTenants from "../shards/reads/tenants/PgTenants.ts"
import * as PgTurns from "../shards/reads/PgTurns.ts"
import * as PgInstanceReads from "../shards/reads/PgInstanceReads.ts"
import * as PgRowReads from "../shards/reads/PgRowReads.ts"
import * as PgViewReads from "../shards/reads/PgViewReads.ts"
import * as ClusterInstanceOps from "./ClusterInstanceOps.ts"
import * as DatabaseProbes from "./DatabaseProbes.ts"

export interface GatewayOptions {
  readonly host: string
  /** 0 chooses a free port. */
  readonly port: number
  readonly socketsMost?: number
  /**
   * The tenant whose objects operators and administrators change when they name no tenant. Absent: such changes are
   * refused.
   */
  readonly defaultTenant?: TenantId | undefined
  /** What holds for tenants as far as nothing else was set; no caps when absent. */
  readonly tenantDefaults?: Defaults | undefined
  readonly deploymentCaps?: Caps | undefined
}

const fleetMetrics = Layer.unwrap(
  Effect.gen(function* () {
    const tasks = yield* TaskReads
    const reads = yield* InstanceReads
    return FleetMetrics.layer({
      counts: tasks.counts(undefined),
      instances: everyInstance(reads)
    })
  })
)

/** Requires `Sharding` and the database. */
export const layer = ({
  defaultTenant,
  deploymentCaps = {},
  host,
  port,
  socketsMost,
  tenantDefaults = {}
}: GatewayOptions) =>
  Layer.mergeAll(ServerNode.layer({ host, port }), KeyService.layer, fleetMetrics, ProcessMetricsNode.layer).pipe(
    Layer.provide([
      PgKeyStores.layer,
      PgFeed.layer,
      PgTasks.layer,
      PgTurns.layer,
      PgTenants.layer,
      PgOutputs.layer,
      PgViewReads.layer,
      PgRowReads.layer,
      PgInstanceReads.layer,
      ClusterInstanceOps.layer,
      PgTombstones.layer,
      PgCluster.layer,
      PgDeadMessages.layer,
      DatabaseProbes.layer
    ]),
    Layer.provide([
      Layer.succeed(EdgeConfig, { defaultTenant, socketsMost }),
      Layer.succeed(TenantDefaults, tenantDefaults),
      Layer.succeed(DeploymentCaps, deploymentCaps)
    ])
  )

/** The address under which this machine reaches the host. */
const reachedAt = (host: string): string => {
  if (host === "0.0.0.0") return "127.0.0.1"
  if (host === "::") return "[::1]"
  return host.includes(":") ? `[${host}]` : host
}

/** Serves until the scope closes. Returns the URL, and the service that creates API keys. */
export const start = Effect.fnUntraced(function* (options: GatewayOptions) {
  const services = yield* Layer.build(layer(options))
  const { address } = Context.get(services, HttpServer.HttpServer)
  const port = "port" in address ? address.port : options.port
  return { url: `http://${reachedAt(options.host)}:${port}`, keys: Context.get(services, KeyService) }
})
