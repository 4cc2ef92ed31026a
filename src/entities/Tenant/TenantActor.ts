/**
 * The Tenant actor: what operators have set of one tenant. Who enforces it reads its view (ports/tenants/Tenants.ts):
 * the edge for what is accepted, lanes and sessions for what starts.
 */
import { define } from "../../actor/Actor.ts"
import { TenantEvent } from "../../schema/events/TenantEvents.ts"
import { TenantRecord } from "../../schema/Tenant.ts"
import { Tenant } from "../Tenant.ts"
import { remove, resume, set, suspend } from "./TenantCommands.ts"
import { evolve, initial, isEnded, TenantActorState } from "./TenantState.ts"

export const TenantActor = define<TenantActorState, TenantEvent>()({
  entity: Tenant,
  state: TenantActorState,
  event: TenantEvent,
  stateVersion: 1,
  initial,
  evolve,
  commands: { TenantSet: set, TenantSuspend: suspend, TenantResume: resume, TenantDelete: remove },
  view: {
    schema: TenantRecord,
    of: ({ record, tenantId }) => (record === undefined ? undefined : { tenantId, doc: record })
  },
  isEnded
})
