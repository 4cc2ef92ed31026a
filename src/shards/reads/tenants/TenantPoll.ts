/**
 * The tenants' records in memory, read again every second: the store first says whether anything has changed. While the
 * store does not answer, what was last read holds.
 */
import { Effect, PubSub, Schedule, Semaphore, Stream } from "effect"
import { TenantDefaults, type TenantsShape } from "../../../ports/tenants/Tenants.ts"
import type { TenantId } from "../../../schema/Ids.ts"
import { effectiveStatus, type TenantRecord } from "../../../schema/Tenant.ts"
import { answerTimeout } from "../StoreUnavailable.ts"

const refreshEvery = "1 second"

export interface TenantSource<E> {
  /** Differs after every change of a record. */
  readonly revision: Effect.Effect<string, E>
  readonly records: Effect.Effect<ReadonlyArray<TenantRecord>, E>
}

export const make = Effect.fnUntraced(function* <E>(source: TenantSource<E>) {
  const defaults = yield* TenantDefaults
  const changes = yield* PubSub.sliding<void>(1)
  let known: { readonly revision: string; readonly records: ReadonlyMap<TenantId, TenantRecord> } | undefined
  const alone = yield* Semaphore.make(1)
  const refresh = Effect.gen(function* () {
    const revision = yield* source.revision
    if (revision === known?.revision) return
    const records = yield* source.records
    known = { revision, records: new Map(records.map((record) => [record.tenantId, record])) }
    yield* PubSub.publish(changes, undefined)
  }).pipe(
    Effect.timeout(answerTimeout),
    Effect.catchCause((cause) => Effect.logDebug("The tenants could not be read; what was read last holds", cause)),
    alone.withPermits(1)
  )
  yield* Effect.forkScoped(Effect.repeat(refresh, Schedule.spaced(refreshEvery)))
  return {
    of: (tenantId) =>
      Effect.sync(() =>
        known === undefined ? undefined : effectiveStatus(tenantId, known.records.get(tenantId), defaults)
      ),
    refresh,
    changes: Stream.fromPubSub(changes)
  } satisfies TenantsShape as TenantsShape
})
