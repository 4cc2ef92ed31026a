/**
 * Loads an actor from its journal. Nearly all actors take one read. A large one is read page by page, and each page is
 * folded before the next is read: the whole journal, which may hold entries as large as was legal when they were
 * written, is never in memory at once, and other actors of the process keep running meanwhile.
 */
import { Effect } from "effect"
import type { AnswersKept } from "./ReplyCache.ts"
import type { Definition } from "../commit/PendingCommit.ts"
import type { ActorCodec } from "./Codec.ts"
import type { ActorAddress, Journal, OutboxMessage, Piece, StoreUnavailable, WakeRow } from "../Journal.ts"
import { begin, fold, type LoadedState } from "./LoadedState.ts"

export interface LoadedJournal {
  readonly memory: LoadedState
  /** The first undelivered messages, in order. */
  readonly outbox: Piece<OutboxMessage>
  readonly wake: WakeRow | undefined
}

const theLast: AnswersKept = { number: 1, weight: 0 }

/**
 * Dies when an entry is missing between the snapshot and the pages, and when the journal was pruned up to a snapshot of
 * another version.
 */
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
