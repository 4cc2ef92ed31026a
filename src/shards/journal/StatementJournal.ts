/**
 * The actor kit's journal over any row store. It batches commits (GroupCommit.ts) and acknowledgements
 * (OutboxCleanup.ts).
 */
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

/** Statements on the row store. Each statement is atomic by itself; several of them are not atomic together. */
export interface JournalStatements {
  readonly write: GroupCommit.WriteGroup
  readonly removeOutbox: (messages: ReadonlyArray<OutboxCleanup.Delivered>) => Effect.Effect<void, unknown>
  /**
   * Reads an actor as of one moment, or its first part when it is large: when a shard moves, its next owner loads many
   * actors at once. The snapshot is returned only when it has the given state version.
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
  /** Writes nothing under an outdated epoch, and never replaces a later snapshot. */
  readonly saveSnapshot: (address: ActorAddress, epoch: number, snapshot: Snapshot) => Effect.Effect<void, unknown>
  readonly wakes: (
    shardIds: ReadonlyArray<string>,
    until: number
  ) => Effect.Effect<ReadonlyArray<{ readonly address: ActorAddress; readonly dueAt: number }>, unknown>
}

/** A store that disappears without closing its connections never answers. */
const answerTimeout = "10 seconds"

/** The server's own message, which ends up in the log entry of a dropped activation. */
const wordsOf = (error: unknown): string => faultOf(error)?.message ?? String(error)

/** A read that fails, or that has no answer after 10 s, is a store that is not available. */
export const unavailable = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
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
