/** What the actor kit measures. `entityType` is the only label: there may be a million actors. */
import { Effect } from "effect"
import { adjust, record, timed } from "./Metrics.ts"

/** Of the commits that succeeded. */
export const timeCommit = <A, E, R>(
  entityType: string,
  size: number,
  commit: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.tap(timed("clawster_actor_commit_seconds", { entity_type: entityType }, commit), () =>
    record("clawster_actor_batch_size", size, { entity_type: entityType })
  )

/** `messages`: what a round found in the mailbox. */
export const mailFound = (entityType: string, messages: number): Effect.Effect<void> =>
  record("clawster_actor_mailbox_size", messages, { entity_type: entityType })

export const loaded = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", 1, { entity_type: entityType })

export const dropped = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", -1, { entity_type: entityType })

/** A message, a signal, a timer or a command that it could not take. */
export const setBack = (entityType: string): Effect.Effect<void> =>
  record("clawster_actor_setbacks_total", 1, { entity_type: entityType })

/** One delivery to another actor, until that has committed it. */
export const timeDelivery = <A, E, R>(targetType: string, deliver: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed("cross_instance_latency", { entity_type: targetType }, deliver)

/** Positive: committed to the outbox. Negative: taken by their receivers, or dropped from memory with their actor. */
export const outboxChanged = (messages: number): Effect.Effect<void> => adjust("clawster_outbox_backlog", messages, {})
