/**
 * The Tenant actor: what operators have set of a tenant. Each command answers the record as it then is, and changes
 * nothing when it is so already.
 */
import { Schema } from "effect"
import { command, protocol } from "../actor/Protocol.ts"
import { Conflict } from "../schema/Errors.ts"
import { TenantChange, TenantRecord } from "../schema/Tenant.ts"

const reason = Schema.optionalKey(Schema.String)

/** Fails with `Conflict` when the tenant is deleted. */
export const TenantSet = command("TenantSet", {
  payload: { change: TenantChange },
  success: TenantRecord,
  error: Conflict
})
/** Fails with `Conflict` when the tenant is deleted. */
export const TenantSuspend = command("TenantSuspend", { payload: { reason }, success: TenantRecord, error: Conflict })
/** Of a suspended or a deleted tenant. */
export const TenantResume = command("TenantResume", { success: TenantRecord })
export const TenantDelete = command("TenantDelete", { payload: { reason }, success: TenantRecord })

export const TenantRpcs = protocol(TenantSet, TenantSuspend, TenantResume, TenantDelete)
