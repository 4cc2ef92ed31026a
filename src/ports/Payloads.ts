/**
 * Texts that are too long for messages between actors. They are read where they are needed, from the row of their task
 * or turn.
 */
import { Context, type Effect } from "effect"
import type { Attempt } from "../schema/runs/Attempt.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { HeldPayload } from "../schema/Task.ts"

export class Payloads extends Context.Service<
  Payloads,
  {
    /** Undefined when the row no longer exists. */
    readonly of: (
      attempt: Pick<Attempt, "tenantId" | "taskId" | "turnId" | "sessionId" | "origin">
    ) => Effect.Effect<Pick<HeldPayload, "message" | "extraSystemPrompt"> | undefined, ActorUnavailable>
  }
>()("clawster/ports/Payloads") {}
