/** References to the actors that exchange messages about a lane's work: the lane itself, and an instance. */
import type { ActorRef } from "../../schema/ActorRef.ts"
import { type InstanceId, instanceEntityId, laneEntityId, type Placement } from "../../schema/Ids.ts"
import type { LaneState } from "./LaneState.ts"

export const laneRef = ({ lane, tenantId }: Pick<LaneState, "lane" | "tenantId">): ActorRef => ({
  entityType: "Lane",
  entityId: laneEntityId(tenantId, lane)
})

export const instanceRef = (instanceId: InstanceId, placement: Placement): ActorRef => ({
  entityType: "Instance",
  entityId: instanceEntityId(placement, instanceId)
})
