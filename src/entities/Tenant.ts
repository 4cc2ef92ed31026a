import { Entity } from "effect/cluster"
import { TenantRpcs } from "../rpc/TenantRpcs.ts"

/** Address: `tenantEntityId(tenantId)`, in the default placement. */
export const Tenant = Entity.fromRpcGroup("Tenant", TenantRpcs)
