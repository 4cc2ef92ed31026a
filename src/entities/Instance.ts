import { Entity } from "effect/cluster"
import { InstanceRpcs } from "../rpc/InstanceRpcs.ts"

/** Address: `instanceEntityId(placement, instanceId)`. */
export const Instance = Entity.fromRpcGroup("Instance", InstanceRpcs)
