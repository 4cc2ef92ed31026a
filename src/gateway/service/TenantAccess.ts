/** The policy's decisions as effects. */
import { Effect } from "effect"
import { actingTenant, readableTenant } from "../../auth/Policy.ts"
import { spanAttributes } from "../../observability/metrics/Names.ts"
import type { InvalidInput, NotFound } from "../../schema/Errors.ts"
import type { TenantId } from "../../schema/Ids.ts"
import { EdgeConfig } from "../EdgeConfig.ts"
import type { Call } from "./RequestContext.ts"

/** Annotates the request's span with the tenant whose objects it accesses. */
const onSpan = (tenantId: TenantId | undefined): Effect.Effect<void> =>
  tenantId === undefined ? Effect.void : Effect.annotateCurrentSpan(spanAttributes.tenantId, tenantId)

/** The tenant whose objects a read shows; undefined for all tenants. */
export const reading = (
  { principal }: Call,
  named: TenantId | undefined
): Effect.Effect<TenantId | undefined, NotFound> =>
  Effect.tap(Effect.fromResult(readableTenant(principal, named)), onSpan)

/** The tenant whose objects a change affects. */
export const acting = (
  { principal }: Call,
  named: TenantId | undefined
): Effect.Effect<TenantId, NotFound | InvalidInput> =>
  Effect.flatMap(EdgeConfig, ({ defaultTenant }) =>
    Effect.tap(Effect.fromResult(actingTenant(principal, named, defaultTenant)), onSpan)
  )
