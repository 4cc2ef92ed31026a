/** The actor kit's journal over whatever keeps the rows: gathers commits and acknowledgements. */
import { Effect } from "effect"
import {
  type ActorAddress,
  CommitFailed,
  type Entry,
  Journal,
  type Loaded,
  type OutboxMessage,
  type Piece,
  type RecordedAnswer,
  type Snapshot,
  StoreUnavailable
} from "../../actor/Journal.ts"
import * as OutboxCleanup from "./OutboxCleanup.ts"
import * as GroupCommit from "./GroupCommit.ts"
import { faultOf } from "../postgres/DatabaseFault.ts"

/** Each is one statement, atomic by itself and by no means together. */
export interface JournalStatements {
  readonly write: GroupCommit.WriteGroup
  readonly removeOutbox: (messages: ReadonlyArray<OutboxCleanup.Delivered>) => Effect.Effect<void, unknown>
  /**
   * All of an actor at one moment, or its first part: when a shard moves, its next owner loads many at once. The
   * snapshot only when it is of that version.
   */
  readonly load: (address: ActorAddress, version: number) => Effect.Effect<Omit<Loaded, "complete">, unknown>
  readonly entriesAfter: (address: ActorAddress, seq: number) => Effect.Effect<Piece<Entry>, unknown>
  readonly outboxAfter: (
    address: ActorAddress,
    last: { readonly seq: number; readonly ordinal: number }
  ) => Effect.Effect<Piece<OutboxMessage>, unknown>
  readonly findAnswers: (
    address: ActorAddress,
    requestIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<RecordedAnswer>, unknown>
  /** Nothing under a lower epoch, and nothing over a later snapshot. */
  readonly saveSnapshot: (address: ActorAddress, epoch: number, snapshot: Snapshot) => Effect.Effect<void, unknown>
  readonly wakes: (
    shardIds: ReadonlyArray<string>,
    until: number
  ) => Effect.Effect<ReadonlyArray<{ readonly address: ActorAddress; readonly dueAt: number }>, unknown>
}

/** A store that went away without a word never answers. */
const answerTimeout = "10 seconds"

/** In the server's own words: they end up in the log of a dropped actor. */
const wordsOf = (error: unknown): string => faultOf(error)?.message ?? String(error)

const unavailable = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
  Effect.mapError(Effect.timeout(effect, answerTimeout), (error) => new StoreUnavailable({ message: wordsOf(error) }))

export const make = Effect.fnUntraced(function* (statements: JournalStatements) {
  const append = yield* GroupCommit.make(statements.write)
  const acknowledge = yield* OutboxCleanup.make((messages) =>
    Effect.timeout(statements.removeOutbox(messages), answerTimeout)
  )
  return Journal.of({
    append,
    acknowledge,
    load: (address, stateVersion) =>
      statements.load(address, stateVersion).pipe(
        Effect.map((loaded) => ({ ...loaded, complete: loaded.snapshot === undefined })),
        unavailable
      ),
    entriesAfter: (address, seq) => unavailable(statements.entriesAfter(address, seq)),
    outboxAfter: (address, last) => unavailable(statements.outboxAfter(address, last)),
    findAnswers: (address, requestIds) => unavailable(statements.findAnswers(address, requestIds)),
    saveSnapshot: (address, epoch, snapshot) =>
      Effect.mapError(
        Effect.timeout(statements.saveSnapshot(address, epoch, snapshot), answerTimeout),
        (error) => new CommitFailed({ reason: "InDoubt", message: wordsOf(error) })
      ),
    wakes: (shardIds, until) => unavailable(statements.wakes(shardIds, until))
  })
})
