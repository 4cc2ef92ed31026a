import { Entity } from "effect/cluster"
import { SessionRpcs } from "../rpc/SessionRpcs.ts"

/** Address: `sessionEntityId(tenantId, sessionId)`, in the default placement. */
export const Session = Entity.fromRpcGroup("Session", SessionRpcs)
