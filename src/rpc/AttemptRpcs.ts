/**
 * The messages about one attempt at a turn, between its origin (a Lane for a task, a Session for a turn) and the
 * Instance that runs it. Both directions go through the outbox: messages are delivered at least once and applied once.
 */
import { Schema } from "effect"
import { AttemptOutcome } from "../schema/runs/Attempt.ts"
import { InstanceId } from "../schema/Ids.ts"
import { command } from "../actor/Protocol.ts"

export const AttemptEnded = command("AttemptEnded", {
  payload: { runKey: Schema.NonEmptyString, instanceId: InstanceId, outcome: AttemptOutcome }
})

/**
 * The instance did not accept the attempt, and nothing of it ran: the instance is full or draining, or its circuit
 * breaker is open. A refusal does not use up the retry budget.
 */
export const AttemptRefused = command("AttemptRefused", {
  payload: {
    runKey: Schema.NonEmptyString,
    instanceId: InstanceId,
    reason: Schema.String,
    retryAfterMillis: Schema.Int,
    /** Set when the instance itself is the cause: it is unhealthy, its breaker is not closed, its gateway is away. */
    atFault: Schema.optionalKey(Schema.Boolean)
  }
})

/**
 * Told to a session: its attempt waits at the instance, and for what; without a reason it waits no more, and runs. Only
 * for what is shown: the attempt ends as any other does.
 */
export const AttemptWaits = command("AttemptWaits", {
  payload: { runKey: Schema.NonEmptyString, instanceId: InstanceId, reason: Schema.optionalKey(Schema.String) }
})
