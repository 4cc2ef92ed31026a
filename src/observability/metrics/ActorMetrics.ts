/** Metrics of the actor kit. `entityType` is the only label, because there may be a million actors. */
import type { Context, Effect } from "effect"
import { adjust, record, recorder, timed } from "./Metrics.ts"

/** Records the batches of one actor type, without effects. */
export interface BatchMetrics {
  /** `messages` is the number of messages in the mailbox at the start of a command batch. */
  readonly mailFound: (messages: number) => void
  /** Of successful commits only. */
  readonly committed: (seconds: number, entries: number) => void
  /** Counts a message that its receiver, an actor of the type, keeps as a dead one. */
  readonly messageDied: (reason: string) => void
}

export const batches = (entityType: string, context: Context.Context<never>): BatchMetrics => {
  const labels = { entity_type: entityType }
  const commitSeconds = recorder("clawster_actor_commit_seconds", labels, context)
  const batchSize = recorder("clawster_actor_batch_size", labels, context)
  return {
    mailFound: recorder("clawster_actor_mailbox_size", labels, context),
    committed: (seconds, entries) => {
      commitSeconds(seconds)
      batchSize(entries)
    },
    messageDied: (reason) => recorder("clawster_dead_messages_total", { ...labels, reason }, context)(1)
  }
}

export const loaded = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", 1, { entity_type: entityType })

export const dropped = (entityType: string): Effect.Effect<void> =>
  adjust("clawster_actor_resident", -1, { entity_type: entityType })

/** Counts a message, signal, timer or command that the actor could not process. */
export const setBack = (entityType: string): Effect.Effect<void> =>
  record("clawster_actor_setbacks_total", 1, { entity_type: entityType })

/** Measures one delivery to another actor, until the receiver has committed it. */
export const timeDelivery = <A, E, R>(targetType: string, deliver: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed("cross_instance_latency", { entity_type: targetType }, deliver)

/**
 * Positive for messages committed to the outbox; negative for messages delivered to their receivers, or removed from
 * memory with their actor.
 */
export const outboxChanged = (messages: number): Effect.Effect<void> => adjust("clawster_outbox_backlog", messages, {})
