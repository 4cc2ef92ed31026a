/** The suspension of `gateway.suspend.prepare`: it holds until it is resumed or its lease of two minutes expires. */
import type { Suspension } from "../../openclaw/GatewayLink.ts"

const leaseMillis = 120_000

export class SuspensionLease {
  #held: { readonly id: string; readonly expiresAt: number } | undefined

  holds(now: number): boolean {
    return this.#held !== undefined && this.#held.expiresAt > now
  }

  prepare(requestId: string, now: number, activeCount: number): Suspension {
    this.#held = { id: `suspension-${requestId}`, expiresAt: now + leaseMillis }
    return this.describe(this.#held.id, now, activeCount)
  }

  describe(suspensionId: string, now: number, activeCount: number): Suspension {
    const held = this.#held
    if (held?.id !== suspensionId || !this.holds(now)) return { status: "accepting" }
    return {
      status: activeCount === 0 ? "ready" : "draining",
      suspensionId,
      expiresAtMillis: held.expiresAt,
      activeCount
    }
  }

  resume(suspensionId: string): void {
    if (this.#held?.id === suspensionId) this.#held = undefined
  }
}
