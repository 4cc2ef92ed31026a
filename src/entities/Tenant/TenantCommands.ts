/** The decisions of a tenant. What is already so is answered without an event. */
import { accept, answer, type DecideContext, type Decision, refuse } from "../../actor/Actor.ts"
import { Conflict } from "../../schema/Errors.ts"
import type { TenantEvent } from "../../schema/events/TenantEvents.ts"
import { TenantCaps, type TenantChange, type TenantRecord } from "../../schema/Tenant.ts"
import { evolve, recordOf, type TenantActorState } from "./TenantState.ts"

type Decided<E> = Decision<TenantEvent, TenantRecord, E>

interface Reason {
  readonly reason?: string
}

const because = ({ reason }: Reason): Reason => (reason === undefined ? {} : { reason })

const accepted = (state: TenantActorState, event: TenantEvent): Decided<never> =>
  accept([event], recordOf(evolve(state, event)))

const isDeleted = ({ tenantId }: TenantActorState) =>
  refuse(
    new Conflict({
      message: `tenant ${tenantId} is deleted; resume it first (clawster tenant resume ${tenantId})`,
      state: "deleted"
    })
  )

const changed = <A>(before: A | undefined, change: A | null | undefined): A | undefined =>
  change === undefined ? before : (change ?? undefined)

const capNames = Object.keys(TenantCaps.fields) as ReadonlyArray<keyof TenantCaps>

const changedCaps = (caps: TenantCaps, change: TenantChange["caps"] = {}): TenantCaps =>
  Object.fromEntries(
    capNames.map((name) => [name, changed(caps[name], change[name])]).filter(([, cap]) => cap !== undefined)
  )

const isSame = (left: TenantCaps, right: TenantCaps): boolean => capNames.every((name) => left[name] === right[name])

export const set = (
  state: TenantActorState,
  { change }: { readonly change: TenantChange },
  { now }: DecideContext
): Decided<Conflict> => {
  const record = recordOf(state)
  if (record.state === "deleted") return isDeleted(state)
  const weight = changed(record.weight, change.weight)
  const caps = changedCaps(record.caps, change.caps)
  if (state.record !== undefined && weight === record.weight && isSame(caps, record.caps)) return answer(record)
  const { tenantId } = state
  return accepted(state, { _tag: "tenant.set", tenantId, at: now, caps, ...(weight === undefined ? {} : { weight }) })
}

export const suspend = (state: TenantActorState, given: Reason, { now }: DecideContext): Decided<Conflict> => {
  const record = recordOf(state)
  if (record.state === "deleted") return isDeleted(state)
  if (record.state === "suspended" && record.reason === given.reason) return answer(record)
  return accepted(state, { _tag: "tenant.suspended", tenantId: state.tenantId, at: now, ...because(given) })
}

export const resume = (state: TenantActorState, _payload: void, { now }: DecideContext): Decided<never> =>
  recordOf(state).state === "active"
    ? answer(recordOf(state))
    : accepted(state, { _tag: "tenant.resumed", tenantId: state.tenantId, at: now })

export const remove = (state: TenantActorState, given: Reason, { now }: DecideContext): Decided<never> =>
  recordOf(state).state === "deleted"
    ? answer(recordOf(state))
    : accepted(state, { _tag: "tenant.deleted", tenantId: state.tenantId, at: now, ...because(given) })
