/**
 * Texts that are too long to be carried by messages between actors: read where they are needed, from the row of their
 * task or turn.
 */
import { Context, type Effect } from "effect"
import type { Attempt } from "../schema/Attempt.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { HeldPayload } from "../schema/Task.ts"

export class Payloads extends Context.Service<
  Payloads,
  {
    /** Undefined: there is no such row any more. */
    readonly of: (
      attempt: Pick<Attempt, "tenantId" | "taskId" | "turnId" | "origin">
    ) => Effect.Effect<Pick<HeldPayload, "message" | "extraSystemPrompt"> | undefined, ActorUnavailable>
  }
>()("clawster/ports/Payloads") {}
