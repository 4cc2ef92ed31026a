import { ClusterSchema, Entity } from "effect/cluster"
import { InstanceRpcs } from "../rpc/InstanceRpcs.ts"
import { parseInstanceEntityId } from "../schema/Ids.ts"

/** Address: `instanceEntityId(placement, instanceId)`. The actor runs on a runner of its placement (region or host). */
export const Instance = Entity.fromRpcGroup(
  "Instance",
  InstanceRpcs.annotate(ClusterSchema.ShardGroup, (entityId) => parseInstanceEntityId(entityId).placement)
)
