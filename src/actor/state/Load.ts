/**
 * Loads an actor from its journal: one read for nearly all of them; a large one piece by piece, each folded before the
 * next is read, so that neither its size nor the size of what was legal when it was written is ever in memory at once,
 * and other actors of the process go on meanwhile.
 */
import { Effect } from "effect"
import type { AnswersKept } from "./ReplyCache.ts"
import type { Definition } from "../runtime/PendingCommit.ts"
import type { ActorCodec } from "./Codec.ts"
import type { ActorAddress, Journal, OutboxMessage, Piece, StoreUnavailable, WakeRow } from "../Journal.ts"
import { begin, fold, type LoadedState } from "./LoadedState.ts"

export interface LoadedJournal {
  readonly memory: LoadedState
  /** The first of the undelivered messages, in order. */
  readonly outbox: Piece<OutboxMessage>
  readonly wake: WakeRow | undefined
}

const theLast: AnswersKept = { number: 1, weight: 0 }

/** Dies when the journal does not continue the snapshot, or a piece of it the one before. */
export const load = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  definition: Definition,
  codec: ActorCodec<any, any>,
  address: ActorAddress,
  answersKept: AnswersKept = theLast
): Effect.fn.Return<LoadedJournal, StoreUnavailable> {
  const { entityId } = address
  const first = yield* journal.load(address, definition.stateVersion)
  const memory = begin(definition, codec, entityId, first, answersKept)
  fold(definition, codec, entityId, memory, first.entries)
  for (let more = first.moreEntries; more;) {
    const piece = yield* journal.entriesAfter(address, memory.seq)
    fold(definition, codec, entityId, memory, piece.items)
    more = piece.more
  }
  if (memory.seq < first.passedOver) {
    throw new Error(`the journal of ${entityId} was pruned up to a snapshot of another version, at ${first.passedOver}`)
  }
  return { memory, wake: first.wake, outbox: { items: first.outbox, more: first.moreOutbox } }
})
