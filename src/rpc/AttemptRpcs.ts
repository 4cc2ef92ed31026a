/**
 * One attempt at a turn, as it travels between whoever wants it (a Lane for a task, a Session for a turn) and the
 * Instance that runs it. Both directions go through the outbox: delivered at least once, applied once.
 */
import { Schema } from "effect"
import { AttemptOutcome } from "../schema/Attempt.ts"
import { InstanceId } from "../schema/Ids.ts"
import { command } from "../actor/Protocol.ts"

export { Attempt, AttemptOrigin, AttemptOutcome } from "../schema/Attempt.ts"

export const AttemptEnded = command("AttemptEnded", {
  payload: { runKey: Schema.NonEmptyString, instanceId: InstanceId, outcome: AttemptOutcome }
})

/** The instance did not take it and nothing of it ran: full, draining, breaker open. Spends no retry budget. */
export const AttemptRefused = command("AttemptRefused", {
  payload: {
    runKey: Schema.NonEmptyString,
    instanceId: InstanceId,
    reason: Schema.String,
    retryAfterMillis: Schema.Int
  }
})
