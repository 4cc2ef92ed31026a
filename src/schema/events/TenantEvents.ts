/** Events that a Tenant actor stores and the feed shows to its tenant. `at` is in Unix milliseconds. */
import { Schema } from "effect"
import { TenantId } from "../Ids.ts"
import { TenantCaps } from "../Tenant.ts"

const about = { tenantId: TenantId, at: Schema.Finite }

export const TenantEvent = Schema.Union([
  /** The weight and caps that are the tenant's own from now on; what is absent is that of the defaults. */
  Schema.TaggedStruct("tenant.set", { ...about, weight: Schema.optionalKey(Schema.Int), caps: TenantCaps }),
  Schema.TaggedStruct("tenant.suspended", { ...about, reason: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("tenant.resumed", about),
  Schema.TaggedStruct("tenant.deleted", { ...about, reason: Schema.optionalKey(Schema.String) })
])
export type TenantEvent = typeof TenantEvent.Type
