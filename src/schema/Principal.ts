/** Who calls. Every call has a principal from the first day on. */
import { Schema } from "effect"
import { TenantId } from "./Ids.ts"

/** `admin` may do all, `operator` all but keys, `tenant` only what is its own. */
export const Role = Schema.Literals(["admin", "operator", "tenant"])
export type Role = typeof Role.Type

export const Principal = Schema.Struct({
  keyId: Schema.String,
  name: Schema.String,
  role: Role,
  /** Always set for role `tenant`. */
  tenantId: Schema.optionalKey(TenantId)
})
export type Principal = typeof Principal.Type
