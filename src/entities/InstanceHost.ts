import { ClusterSchema, Entity } from "effect/cluster"
import { InstanceHostRpcs } from "../rpc/InstanceHostRpcs.ts"
import { parseInstanceEntityId } from "../schema/Ids.ts"

/** Runs beside the Instance of the same address, and therefore where the driver is. Keeps no state. */
export const InstanceHost = Entity.fromRpcGroup(
  "InstanceHost",
  InstanceHostRpcs.annotate(ClusterSchema.ShardGroup, (entityId) => parseInstanceEntityId(entityId).placement)
)
