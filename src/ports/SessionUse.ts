/** Whether what a gateway keeps of a conversation is still wanted. */
import { Context, Effect } from "effect"
import type { ActorUnavailable } from "../schema/Errors.ts"

/** Of whom a gateway's session is: a task of this id, or a session of this id, or both. */
export interface SessionOwner {
  readonly tenantId: string
  readonly id: string
}

/**
 * `wanted`: the task has not ended for good, or the session is open or was closed a short time ago. `ended`: it has,
 * and nobody reads the gateway's copy any more. `unknown`: there is no such task or session, or not any more.
 */
export type Use = "wanted" | "ended" | "unknown"

export interface SessionUse {
  /** In the order of the owners; at most 1,000. */
  readonly of: (owners: ReadonlyArray<SessionOwner>) => Effect.Effect<ReadonlyArray<Use>, ActorUnavailable>
}

/** Without a store that knows, everything is wanted. */
export const SessionUse = Context.Reference<SessionUse>("clawster/ports/SessionUse", {
  defaultValue: () => ({ of: (owners) => Effect.succeed(owners.map(() => "wanted" as const)) })
})
