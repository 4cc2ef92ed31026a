import { Entity } from "effect/cluster"
import { LaneRpcs } from "../rpc/LaneRpcs.ts"

/** Address: `laneEntityId(tenantId, lane)`, in the default placement. */
export const Lane = Entity.fromRpcGroup("Lane", LaneRpcs)
