/**
 * Fairness between tenants: of those that had something to start through a whole window of time, each had slots for a
 * time that is in proportion to its weight, within a tolerance. They must have competed for some time before it: who
 * was there first has more than its share until its runs end, and gives that back after.
 */
import type { Violation } from "../History.ts"
import type { Watcher } from "../Observation.ts"
import { TenantLedger } from "./TenantLedger.ts"

export interface Share {
  readonly tenantId: string
  readonly at: number
  /** What it had over what its weight gives it: 1 is exactly its share. */
  readonly ratio: number
}

interface Options {
  readonly windowMillis: number
  /** How long they must have competed before the window. */
  readonly settledMillis: number
  /** 0.1: within a tenth. */
  readonly tolerance: number
  readonly onShare?: (share: Share) => void
}

interface Sample {
  readonly at: number
  readonly runMillis: ReadonlyMap<string, number>
}

export const watchTenantShares =
  ({ onShare = () => {}, settledMillis, tolerance, windowMillis }: Options) =>
  (): Watcher => {
    const ledger = new TenantLedger()
    const samples: Array<Sample> = []

    const sharesAt = (now: number, since: Sample): ReadonlyArray<Share> => {
      const waiting = [...ledger.tenants.values()].filter(
        ({ waitingSince }) => waitingSince !== undefined && waitingSince <= since.at - settledMillis
      )
      const used = waiting.map((account) => ({
        account,
        millis: ledger.runMillis(account, now) - (since.runMillis.get(account.tenantId) ?? 0)
      }))
      const weights = used.reduce((sum, { account }) => sum + account.weight, 0)
      const millis = used.reduce((sum, one) => sum + one.millis, 0)
      return waiting.length < 2
        ? []
        : used.map((one) => ({
            tenantId: one.account.tenantId,
            at: now,
            ratio: one.millis / ((millis * one.account.weight) / weights)
          }))
    }

    return ({ fresh, now }) => {
      for (const row of fresh) ledger.take(row)
      const runMillis = new Map([...ledger.tenants].map(([id, account]) => [id, ledger.runMillis(account, now)]))
      samples.push({ at: now, runMillis })
      while (samples.length > 1 && samples[1]!.at <= now - windowMillis) samples.shift()
      if (samples[0]!.at > now - windowMillis) return []
      const shares = sharesAt(now, samples[0]!)
      for (const share of shares) onShare(share)
      return shares
        .filter(({ ratio }) => !(Math.abs(ratio - 1) <= tolerance))
        .map(({ at, ratio, tenantId }): Violation => {
          const [from, to] = [at - windowMillis, at].map((millis) => (millis / 1_000).toFixed(0))
          const message = `from ${from} s to ${to} s tenant ${tenantId} had ${ratio.toFixed(2)} of its share of slots`
          return { invariant: "fairness", message }
        })
    }
  }
