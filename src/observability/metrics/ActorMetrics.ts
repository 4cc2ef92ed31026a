/** Metrics of the actor kit. `entityType` is the only label, because there may be a million actors. */
import { Effect } from "effect"
import { adjust, record, timed } from "./Metrics.ts"

/** Measures successful commits only. */
export const timeCommit = <A, E, R>(
  entityType: string,
  size: number,
  commit: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.tap(timed("clawster_actor_commit_seconds", { entity_type: entityType }, commit), () =>
    record("clawster_actor_batch_size", size, { entity_type: entityType })
  )

/** `messages` is the number of messages in the mailbox at the start of a command batch. */
export const mailFound = (entityType: string, messages: number): Effect.Effect<void> =>
  record("clawster_actor_mailbox_size", messages, { entity_type: entityType })

export const loaded = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", 1, { entity_type: entityType })

export const dropped = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", -1, { entity_type: entityType })

/** Counts a message, signal, timer or command that the actor could not process. */
export const setBack = (entityType: string): Effect.Effect<void> =>
  record("clawster_actor_setbacks_total", 1, { entity_type: entityType })

/** Counts a message that its receiver, an actor of the type, keeps as a dead one. */
export const messageDied = (entityType: string, reason: string): Effect.Effect<void> =>
  record("clawster_dead_messages_total", 1, { entity_type: entityType, reason })

/** Measures one delivery to another actor, until the receiver has committed it. */
export const timeDelivery = <A, E, R>(targetType: string, deliver: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed("cross_instance_latency", { entity_type: targetType }, deliver)

/**
 * Positive for messages committed to the outbox; negative for messages delivered to their receivers, or removed from
 * memory with their actor.
 */
export const outboxChanged = (messages: number): Effect.Effect<void> => adjust("clawster_outbox_backlog", messages, {})
