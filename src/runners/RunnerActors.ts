/**
 * Every actor of a runner together with the reads it needs; the runner provides the cluster, the database and the
 * drivers.
 */
import { Layer } from "effect"
import * as Catalogued from "../entities/catalog/Actors.ts"
import * as RunningShares from "../entities/Instance/slots/RunningShares.ts"
import * as HomeSweep from "../entities/InstanceHost/HomeSweep.ts"
import * as InstanceHostLayer from "../entities/InstanceHost/InstanceHostLayer.ts"
import * as PgHeartbeats from "../shards/health/PgHeartbeats.ts"
import * as PgStoredFormats from "../shards/leases/PgStoredFormats.ts"
import * as PgOutputs from "../shards/journal/PgOutputs.ts"
import * as PgPayloads from "../shards/reads/PgPayloads.ts"
import * as PgFleet from "../shards/reads/PgFleet.ts"
import * as PgInstanceReads from "../shards/reads/PgInstanceReads.ts"
import * as PgSessionUse from "../shards/reads/PgSessionUse.ts"
import * as PgTasks from "../shards/reads/tasks/PgTasks.ts"
import * as PgTenants from "../shards/reads/tenants/PgTenants.ts"
import * as DeploymentCapsSetting from "./settings/DeploymentCapsSetting.ts"
import * as TenantDefaultsSetting from "./TenantDefaultsSetting.ts"

export const layer = Layer.mergeAll(Catalogued.layer, InstanceHostLayer.layer, HomeSweep.layer).pipe(
  Layer.provide(RunningShares.layer.pipe(Layer.provide(DeploymentCapsSetting.layerConfig))),
  Layer.provide([
    PgFleet.layer,
    PgTasks.layer,
    PgInstanceReads.layer,
    PgHeartbeats.layer,
    PgStoredFormats.layer,
    PgOutputs.layer,
    PgPayloads.layer,
    PgSessionUse.layerConfig,
    Layer.provide(PgTenants.layer, TenantDefaultsSetting.layerConfig)
  ])
)
