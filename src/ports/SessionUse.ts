/** Tells whether the data that a gateway keeps for a conversation is still wanted. */
import { Context, Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"

/** Owner of a gateway's session: the task or the session with this id, or both. */
export interface SessionOwner {
  readonly tenantId: string
  readonly id: string
}

/**
 * `wanted`: the task has not ended for good, or the session is open or was closed recently. `ended`: it has ended, and
 * the gateway's copy is no longer read. `unknown`: no such task or session exists, or it was removed.
 */
export type Use = "wanted" | "ended" | "unknown"

export interface SessionUse {
  /** Milliseconds for which what has ended is kept. A gateway session of ours that nobody knows is deleted after it. */
  readonly keptMillis: number
  /** One result per owner, in their order; at most 1,000 owners. */
  readonly of: (owners: ReadonlyArray<SessionOwner>) => Effect.Effect<ReadonlyArray<Use>, ActorUnavailable>
}

/** By default, without a store to ask, everything is wanted. */
export const SessionUse = Context.Reference<SessionUse>("clawster/ports/SessionUse", {
  defaultValue: () => ({
    keptMillis: Infinity,
    of: (owners) => Effect.succeed(owners.map(() => "wanted" as const))
  })
})
