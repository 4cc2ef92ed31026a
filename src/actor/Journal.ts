/**
 * Durable storage of actors. One `Commit` is one transaction: the entries of a batch of commands with their replies,
 * outgoing messages, wake-up, view and rows. It is written as a whole or not at all, and only while the shard's epoch
 * is still the writer's.
 */
import { Context, type Effect, Schema } from "effect"
import type { RowWrite } from "./Actor.ts"

export interface ActorAddress {
  readonly entityType: string
  readonly entityId: string
  readonly shardId: string
}

/** A recorded reply, encoded. */
export type EncodedAnswer =
  | { readonly _tag: "Success"; readonly value: unknown }
  | { readonly _tag: "Failure"; readonly error: unknown }

/**
 * What one command, signal or timer wrote. `seq` counts from 1 without gaps; the store enforces that (entity type,
 * entity id, seq) is unique whichever process writes.
 */
export interface Entry {
  readonly seq: number
  /** Null for signals and timers. Unique within one actor. */
  readonly requestId: string | null
  /** Tag of the command or signal, or key of the timer. */
  readonly command: string
  /** Fingerprint of the payload. Null unless the request id is a caller's idempotency key. */
  readonly payloadHash: string | null
  /** Encoded events, each a JSON object with `_tag`. */
  readonly events: ReadonlyArray<unknown>
  /** The recorded reply. Null for signals and timers. */
  readonly answer: EncodedAnswer | null
  /** Unix milliseconds. */
  readonly at: number
}

/** A message to another actor that its receiver has not acknowledged yet. Ordered by (`seq`, `ordinal`). */
export interface OutboxMessage {
  /** `<type>/<id>/<seq>/<ordinal>` of the sender. The receiver uses it as the request id. */
  readonly id: string
  /** Index of the message within its entry, from 0. */
  readonly seq: number
  readonly ordinal: number
  readonly targetType: string
  readonly targetId: string
  readonly tag: string
  readonly payload: unknown
}

/**
 * When the actor must be activated without a call: at `dueAt` (Unix milliseconds, null for never), and, when
 * `resident`, at once on every new owner of its shard.
 */
export interface WakeRow {
  readonly dueAt: number | null
  readonly resident: boolean
}

/**
 * Parts of a commit as JSON text. The committer serializes them to learn the commit's size; a store can use them
 * instead of serializing again.
 */
export interface CommitTexts {
  /** One per entry, in the order of the entries. */
  readonly entries: ReadonlyArray<{ readonly events: string; readonly answer: string | null }>
  /** Payloads, one per message, in the order of the messages. */
  readonly outbox: ReadonlyArray<string>
}

/** One transaction of one actor. */
export interface Commit {
  readonly address: ActorAddress
  readonly epoch: number
  readonly entries: ReadonlyArray<Entry>
  readonly outbox: ReadonlyArray<OutboxMessage>
  /** Absent when unchanged. */
  readonly wake?: WakeRow
  /** Absent when unchanged. A null `doc` removes the view. */
  readonly view?: { readonly tenantId: string | null; readonly doc: unknown }
  readonly rows: ReadonlyArray<RowWrite>
  readonly texts?: CommitTexts
  /** Approximate size of the whole commit (Weight.ts). Absent when it is small. */
  readonly weight?: number
}

/** The state as of entry `seq`, encoded under the definition's `stateVersion`. */
export interface Snapshot {
  readonly seq: number
  readonly version: number
  readonly state: unknown
  /** `isEnded` of the state. Absent when it was not evaluated. */
  readonly ended?: boolean
}

/** An actor as stored, or the first part of a large one. */
export interface Loaded {
  readonly snapshot: Snapshot | undefined
  /** Sequence of a stored snapshot of another version, which was ignored; 0 when there is none. */
  readonly passedOver: number
  /** Entries after the snapshot, in order: all of them, or the first ones. */
  readonly entries: ReadonlyArray<Entry>
  /** True when more entries follow: continue with `entriesAfter`. */
  readonly moreEntries: boolean
  /** Undelivered messages, in order: all of them, or the first ones. */
  readonly outbox: ReadonlyArray<OutboxMessage>
  /** True when more messages follow: continue with `outboxAfter`. */
  readonly moreOutbox: boolean
  readonly wake: WakeRow | undefined
  /**
   * True when there is no snapshot, so that the entries go back to the first and a request id that none of them has is
   * certainly new.
   */
  readonly complete: boolean
}

/** The next rows of an actor, in order, as many as one read returns. `more`: further rows follow. */
export interface Piece<A> {
  readonly items: ReadonlyArray<A>
  readonly more: boolean
}

/**
 * A commit that was not written, or whose outcome is unknown. `Fenced`: another owner has the shard. `SequenceTaken`:
 * an entry with this sequence or request id exists, so another writer was first. In both cases nothing was written, and
 * the activation must stop. `Refused`: the store cannot hold the commit's content; nothing was written, and a retry
 * fails in the same way. `InDoubt`: the store did not answer, and the commit may have been written; load the actor
 * again to find out.
 */
export class CommitFailed extends Schema.TaggedError<CommitFailed>()("CommitFailed", {
  reason: Schema.Literals(["Fenced", "SequenceTaken", "Refused", "InDoubt"]),
  message: Schema.String
}) {}

/** The store could not be read in time. Nothing changed. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  message: Schema.String
}) {}

/** The recorded reply of a request id. */
export interface RecordedAnswer {
  readonly requestId: string
  readonly payloadHash: string | null
  readonly answer: EncodedAnswer
}

export class Journal extends Context.Service<
  Journal,
  {
    /** Writes a commit. Success: it is durable. `CommitFailed` says for each reason whether anything was written. */
    readonly append: (commit: Commit) => Effect.Effect<void, CommitFailed>
    /**
     * Loads an actor with one read. Of a large actor it returns the first part only (Load.ts reads the rest). A
     * snapshot of another version is ignored: the entries must then go back to the first.
     */
    readonly load: (address: ActorAddress, stateVersion: number) => Effect.Effect<Loaded, StoreUnavailable>
    /** Entries with a sequence above `seq`. */
    readonly entriesAfter: (address: ActorAddress, seq: number) => Effect.Effect<Piece<Entry>, StoreUnavailable>
    /** Undelivered messages after `last`, by (`seq`, `ordinal`). */
    readonly outboxAfter: (
      address: ActorAddress,
      last: { readonly seq: number; readonly ordinal: number }
    ) => Effect.Effect<Piece<OutboxMessage>, StoreUnavailable>
    /** Recorded replies of these request ids; ids without one are left out. */
    readonly findAnswers: (
      address: ActorAddress,
      requestIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<RecordedAnswer>, StoreUnavailable>
    /**
     * Replaces the actor's snapshot. A failed save is harmless: the entries stay in the journal. Under an epoch that is
     * no longer current nothing is written; a store may report that as success.
     */
    readonly saveSnapshot: (
      address: ActorAddress,
      epoch: number,
      snapshot: Snapshot
    ) => Effect.Effect<void, CommitFailed>
    /**
     * Deletes delivered messages from the outbox, asynchronously. A lost deletion is harmless: the message is delivered
     * again and the receiver deduplicates it.
     */
    readonly acknowledge: (address: ActorAddress, messages: ReadonlyArray<OutboxMessage>) => Effect.Effect<void>
    /**
     * Actors of these shards to activate by `until` (Unix milliseconds). `dueAt` is 0 for actors that are resident or
     * have undelivered messages; all of them are returned. A store may return only the earliest of the due timers.
     */
    readonly wakes: (
      shardIds: ReadonlyArray<string>,
      until: number
    ) => Effect.Effect<ReadonlyArray<{ readonly address: ActorAddress; readonly dueAt: number }>, StoreUnavailable>
  }
>()("clawster/actor/Journal") {}
