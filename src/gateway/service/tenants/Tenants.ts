/** The use cases of tenants. A tenant is there as soon as it is named. */
import { Context, Effect, Layer } from "effect"
import type { Sharding } from "effect/cluster"
import * as ActorClient from "../../../actor/ActorClient.ts"
import { Tenant } from "../../../entities/Tenant.ts"
import { TenantReads } from "../../../ports/tenants/TenantReads.ts"
import { TenantDefaults, Tenants as Records } from "../../../ports/tenants/Tenants.ts"
import { ViewReads } from "../../../ports/ViewReads.ts"
import { Conflict } from "../../../schema/Errors.ts"
import { tenantEntityId, type TenantId } from "../../../schema/Ids.ts"
import { pageSize } from "../../../schema/lists/Page.ts"
import { effectiveStatus, TenantRecord, type TenantUsage } from "../../../schema/Tenant.ts"
import { placeOf, withToken } from "../PageToken.ts"
import { type Call, optionsOf } from "../RequestContext.ts"
import type { Tasks } from "../tasks/Tasks.ts"
import { acting, reading } from "../TenantAccess.ts"
import type { Request, UseCases } from "../UseCases.ts"
import * as StopTenant from "./StopTenant.ts"

/** What a tenant has that a delete would leave without an end; empty when there is nothing. */
const busyWith = ({ activeSessions, pending, running, scheduled }: TenantUsage): string =>
  [
    running > 0 ? `${running} tasks run` : "",
    pending + scheduled > 0 ? `${pending + scheduled} tasks wait` : "",
    activeSessions > 0 ? `${activeSessions} sessions have a turn` : ""
  ]
    .filter((part) => part !== "")
    .join(", ")

const make = Effect.gen(function* () {
  const actorOf = yield* ActorClient.make(Tenant)
  const views = yield* ViewReads
  const reads = yield* TenantReads
  const defaults = yield* TenantDefaults
  const { refresh } = yield* Records
  const stop = yield* StopTenant.make

  const shown = (record: TenantRecord) => effectiveStatus(record.tenantId, record, defaults)

  /** What this process accepts after its answer is by the new record; other processes follow within their 2 s. */
  const decided = <E>(command: Effect.Effect<TenantRecord, E>) =>
    Effect.map(Effect.tap(command, Effect.timeoutOption(refresh, "2 seconds")), shown)

  const at = (call: Call, named: TenantId) =>
    Effect.map(acting(call, named), (tenantId) => ({ tenantId, actor: actorOf(tenantEntityId(tenantId)) }))

  const get = Effect.fn("Tenants.get")(function* (call: Call, { tenantId }: Request<"tenants", "get">) {
    yield* reading(call, tenantId)
    const record = yield* views.get(Tenant, TenantRecord, tenantEntityId(tenantId))
    return { ...effectiveStatus(tenantId, record, defaults), usage: yield* reads.usage(tenantId) }
  })

  const remove = Effect.fn("Tenants.delete")(function* (
    call: Call,
    { force = false, tenantId: named, ...reason }: Request<"tenants", "delete">
  ) {
    const { actor, tenantId } = yield* at(call, named)
    if (!force) {
      const busy = busyWith(yield* reads.usage(tenantId))
      if (busy !== "") {
        return yield* new Conflict({
          message: `tenant ${tenantId} is at work (${busy}); wait or cancel first, or force it, which cancels all`,
          layer: `tenant ${tenantId}`
        })
      }
    }
    const status = yield* decided(actor.TenantDelete(reason, optionsOf(call)))
    return force ? { ...status, ...(yield* stop(call, tenantId)) } : status
  })

  return Tenants.of({
    list: Effect.fn("Tenants.list")(function* (call: Call, { after, limit }: Request<"tenants", "list">) {
      const page = yield* views.list(Tenant, TenantRecord, {
        tenantId: yield* reading(call, undefined),
        after: yield* placeOf("tenants", after),
        limit: limit ?? pageSize.fallback
      })
      return withToken("tenants", { ...page, items: page.items.map(shown) })
    }),
    get,
    set: Effect.fn("Tenants.set")(function* (call: Call, { tenantId, ...change }: Request<"tenants", "set">) {
      return yield* decided((yield* at(call, tenantId)).actor.TenantSet({ change }, optionsOf(call)))
    }),
    suspend: Effect.fn("Tenants.suspend")(function* (
      call: Call,
      { cancel = false, tenantId: named, ...reason }: Request<"tenants", "suspend">
    ) {
      const { actor, tenantId } = yield* at(call, named)
      const status = yield* decided(actor.TenantSuspend(reason, optionsOf(call)))
      return cancel ? { ...status, ...(yield* stop(call, tenantId)) } : status
    }),
    resume: Effect.fn("Tenants.resume")(function* (call: Call, { tenantId }: Request<"tenants", "resume">) {
      return yield* decided((yield* at(call, tenantId)).actor.TenantResume(undefined, optionsOf(call)))
    }),
    delete: remove
  })
})

export class Tenants extends Context.Service<Tenants, UseCases<"tenants">>()("clawster/gateway/Tenants") {
  static readonly layer: Layer.Layer<Tenants, never, Sharding.Sharding | ViewReads | TenantReads | Tasks> =
    Layer.effect(
      Tenants,
      Effect.suspend(() => make)
    )
}
