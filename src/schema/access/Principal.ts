/** The caller's identity. Every call has a principal. */
import { Schema } from "effect"
import { TenantId } from "../Ids.ts"

/** `admin` may do everything, `operator` everything except managing keys, `tenant` may access only its own objects. */
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
