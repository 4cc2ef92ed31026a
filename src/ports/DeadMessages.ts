/** Port: the messages between actors that their receivers have given up. */
import { Context, type Effect } from "effect"
import type { DeadMessage } from "../schema/DeadMessage.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"

export class DeadMessages extends Context.Service<
  DeadMessages,
  {
    /** Newest first, at most `limit`, of those with a smaller number than `before`. */
    readonly list: (options: {
      readonly before?: number | undefined
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<DeadMessage>, ActorUnavailable>
    /** The message with its payload as JSON. Undefined when there is none of this number. */
    readonly get: (
      number: number
    ) => Effect.Effect<{ readonly message: DeadMessage; readonly payload: unknown } | undefined, ActorUnavailable>
    /** Whether a receiver keeps the message of this id as a dead one. */
    readonly isDead: (
      message: Pick<DeadMessage, "entityType" | "entityId" | "messageId">
    ) => Effect.Effect<boolean, ActorUnavailable>
    /** False: there was none of this number. */
    readonly remove: (number: number) => Effect.Effect<boolean, ActorUnavailable>
    /** Messages given up since `at` (Unix milliseconds), counted up to 1,000. */
    readonly countSince: (at: number) => Effect.Effect<number, ActorUnavailable>
  }
>()("clawster/ports/DeadMessages") {}
