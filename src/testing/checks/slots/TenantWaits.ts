/**
 * Fairness between tenants: what a tenant submits does not wait for longer than a bound while the tenant uses less than
 * its share, which is the part of all slots that its weight gives it among the tenants with something to run. Slots are
 * whole at each instance, so a tenant that is spread over several may have one less than its share at each but one; a
 * tenant whose share is a slot or more always has one. One that has had more than its share, since it was alone when
 * the others came, owes that first.
 */
import type { Violation } from "../History.ts"
import type { Watcher } from "../Observation.ts"
import { type TenantAccount, TenantLedger, type Work } from "./TenantLedger.ts"

interface Options {
  readonly instances: number
  /** Of all instances. */
  readonly slots: number
  /** The longest run, and the time for a slot to change hands. */
  readonly boundMillis: number
  readonly onWait?: (millis: number) => void
}

export const watchTenantWaits =
  ({ boundMillis, instances, onWait = () => {}, slots }: Options) =>
  (): Watcher => {
    const ledger = new TenantLedger((key, work, now) => onWait(waited(key, work, now)))
    /** Since when each tenant has used less than its share. */
    const belowSince = new Map<string, number>()
    const told = new Set<string>()
    let violations: Array<Violation> = []

    const isBelow = ({ running, weight }: TenantAccount, weights: number): boolean => {
      const share = (slots * weight) / weights
      return running < Math.max(Math.floor(Math.min(1, share)), Math.floor(share) - instances + 1)
    }

    /** Slot-milliseconds that each tenant has had above its share; what it had below is not kept. */
    const owed = new Map<string, number>()
    let weights = 0
    let comparedAt = 0

    const owe = (now: number): void => {
      for (const { running, tenantId, weight } of ledger.tenants.values()) {
        const share = weights === 0 ? slots : (slots * weight) / weights
        owed.set(tenantId, Math.max(0, (owed.get(tenantId) ?? 0) + (running - share) * (now - comparedAt)))
      }
      comparedAt = now
    }

    const compare = (now: number): void => {
      weights = 0
      for (const { running, waiting, weight } of ledger.tenants.values()) if (running + waiting > 0) weights += weight
      for (const account of ledger.tenants.values()) {
        const { tenantId } = account
        if (!isBelow(account, weights) || (owed.get(tenantId) ?? 0) > 0) belowSince.delete(tenantId)
        else if (!belowSince.has(tenantId)) belowSince.set(tenantId, now)
      }
    }

    /** How long the work has waited while its tenant was below its share. */
    const waited = (key: string, { since, tenantId }: Work, now: number): number => {
      const below = belowSince.get(tenantId)
      const millis = below === undefined ? 0 : now - Math.max(since, below)
      if (millis > boundMillis && !told.has(key)) {
        told.add(key)
        const message = `${key} waited ${Math.round(millis)} ms while its tenant was below its share`
        violations.push({ invariant: "fairness", message })
      }
      return millis
    }

    return ({ fresh, now }) => {
      violations = []
      for (const row of fresh) {
        owe(row.committedAt)
        ledger.take(row)
        compare(row.committedAt)
      }
      for (const [key, work] of ledger.works) {
        if (!work.isRunning && now - work.since > boundMillis) waited(key, work, now)
      }
      return violations
    }
  }
