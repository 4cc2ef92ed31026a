/**
 * Deletes delivered messages from the outbox soon after delivery, in large batches. A message that is not deleted is
 * delivered again, and its receiver deduplicates it.
 */
import { Effect, Latch } from "effect"
import type { ActorAddress, OutboxMessage } from "../../actor/Journal.ts"

const deletesAtOnce = 4_096
/**
 * Maximum messages pending deletion. Beyond it, newly delivered messages stay in the table until their actor is loaded
 * again.
 */
const backlogMax = 100_000
const pause = "50 millis"

export interface Delivered {
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  readonly ordinal: number
}

export const make = Effect.fnUntraced(function* (
  removeAll: (messages: ReadonlyArray<Delivered>) => Effect.Effect<void, unknown>
) {
  let delivered: Array<Delivered> = []
  const wake = Latch.makeUnsafe(false)

  const remove = Effect.gen(function* () {
    yield* wake.await
    yield* Effect.sleep(pause)
    const batch = delivered.slice(0, deletesAtOnce)
    yield* removeAll(batch)
    delivered = delivered.slice(batch.length)
    if (delivered.length === 0) wake.closeUnsafe()
  })
  yield* remove.pipe(
    Effect.catchCause((cause) =>
      Effect.logWarning("Delivered messages could not be removed yet", cause).pipe(Effect.delay("1 second"))
    ),
    Effect.forever,
    Effect.forkScoped
  )

  return (address: ActorAddress, messages: ReadonlyArray<OutboxMessage>): Effect.Effect<void> =>
    Effect.sync(() => {
      for (const { ordinal, seq } of messages) {
        if (delivered.length >= backlogMax) break
        delivered.push({ entityType: address.entityType, entityId: address.entityId, seq, ordinal })
      }
      wake.openUnsafe()
    })
})
