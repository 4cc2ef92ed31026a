/** Tenants: whether they may work, and within which caps. Operators set it; a tenant reads its own. */
import { Schema } from "effect"
import { TenantId } from "../../schema/Ids.ts"
import { pageQuery } from "../../schema/lists/Page.ts"
import { TenantChange, TenantStatus, TenantUsage } from "../../schema/Tenant.ts"
import { bounds, text } from "../../schema/text/Bounds.ts"
import { action } from "../Authentication.ts"
import { page } from "./Fields.ts"
import { change, noun, read } from "./Operation.ts"

const may = { read: action("tenant:read", "tenant"), write: action("tenant:write", "operator") }

const tenant = { tenantId: TenantId.annotate({ description: "A tenant is there as soon as it is named." }) }

const Tenant = TenantStatus.annotate({
  identifier: "Tenant",
  description: "What holds for a tenant: what operators have set, over the deployment's defaults."
})
const TenantReport = Schema.Struct({ ...TenantStatus.fields, usage: TenantUsage }).annotate({
  identifier: "TenantReport"
})

const SetTenant = TenantChange.annotate({ identifier: "SetTenant" })

const reason = { reason: Schema.optionalKey(text(bounds.reason)) }
const SuspendTenant = Schema.Struct({
  ...reason,
  cancel: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Also cancel what runs and waits, and abort the turns of its sessions." })
  )
}).annotate({ identifier: "SuspendTenant" })

/**
 * `cancelled` and `aborted` count the tasks and the sessions that were asked to end; `remaining` the tasks and sessions
 * that were not reached. Absent when no cancel was asked for. Call again, with another idempotency key, until
 * `remaining` is 0.
 */
const StoppedTenant = Schema.Struct({
  ...TenantStatus.fields,
  cancelled: Schema.optionalKey(Schema.Int),
  aborted: Schema.optionalKey(Schema.Int),
  remaining: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "StoppedTenant" })

export const Tenants = noun("Tenants", "Who may work, and within which caps.", {
  list: read("ListTenants", {
    action: may.read,
    summary: "List tenants",
    description: "Those for which something was set. A tenant's key sees its own.",
    payload: pageQuery,
    success: page(Tenant, "TenantPage"),
    rest: { method: "GET", path: "/tenants" },
    cli: "tenant list"
  }),
  get: read("GetTenant", {
    action: may.read,
    summary: "Get a tenant",
    description: "What holds for it, and what it has: lanes, sessions, what runs and waits.",
    payload: tenant,
    success: TenantReport,
    rest: { method: "GET", path: "/tenants/:tenantId" },
    cli: "tenant get"
  }),
  set: change("SetTenant", {
    action: may.write,
    summary: "Set a tenant's weight and caps",
    description:
      "What is left out stays as it is; `null` puts the deployment's default in its place. Takes effect everywhere within 2 s, for what is accepted and started from then on.",
    payload: { ...tenant, ...SetTenant.fields },
    success: Tenant,
    rest: { method: "PUT", path: "/tenants/:tenantId", body: SetTenant },
    cli: "tenant set"
  }),
  suspend: change("SuspendTenant", {
    action: may.write,
    summary: "Suspend a tenant",
    description:
      "Within 2 s nothing of it is accepted and nothing of it starts; what runs goes on, unless `cancel` is given. What waits is kept, and a deadline that passes meanwhile counts.",
    payload: { ...tenant, ...SuspendTenant.fields },
    success: StoppedTenant,
    rest: { method: "POST", path: "/tenants/:tenantId/suspend", body: SuspendTenant },
    cli: "tenant suspend"
  }),
  resume: change("ResumeTenant", {
    action: may.write,
    summary: "Resume a tenant",
    description: "Also one that was deleted. What waits starts within 2 s.",
    payload: tenant,
    success: Tenant,
    rest: { method: "POST", path: "/tenants/:tenantId/resume" },
    cli: "tenant resume"
  }),
  delete: change("DeleteTenant", {
    action: may.write,
    summary: "Delete a tenant",
    description:
      "Refused while something of it runs or waits, unless forced. Nothing of it is accepted from then on. Its ended tasks age as all others do, and its record stays, so that its name is not used again by mistake.",
    payload: {
      ...tenant,
      ...reason,
      force: Schema.optionalKey(
        Schema.Boolean.annotate({ description: "Also while something runs or waits, which is cancelled." })
      )
    },
    success: StoppedTenant,
    rest: { method: "DELETE", path: "/tenants/:tenantId" },
    cli: "tenant delete"
  })
})
