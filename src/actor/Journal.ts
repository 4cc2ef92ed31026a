/**
 * Where actors last. One `Commit` is one transaction: the entries of a batch of commands with their answers, outgoing
 * messages, wake-up, view and rows. It lands whole or not at all, and only while the shard's epoch is still the
 * writer's.
 */
import { Context, type Effect, Schema } from "effect"
import type { RowWrite } from "./Actor.ts"

export interface ActorAddress {
  readonly entityType: string
  readonly entityId: string
  readonly shardId: string
}

/** A recorded answer, encoded. */
export type EncodedAnswer =
  | { readonly _tag: "Success"; readonly value: unknown }
  | { readonly _tag: "Failure"; readonly error: unknown }

/**
 * What one command, signal or timer left behind. `seq` counts from 1 without gap; (type, id, seq) is unique whoever
 * writes.
 */
export interface Entry {
  readonly seq: number
  /** Null for signals and timers. Unique for one actor. */
  readonly requestId: string | null
  readonly command: string
  /** Only when the request id is a caller's idempotency key. */
  readonly payloadHash: string | null
  /** Encoded events, each a JSON object with `_tag`. */
  readonly events: ReadonlyArray<unknown>
  readonly answer: EncodedAnswer | null
  /** Unix milliseconds. */
  readonly at: number
}

export interface OutboxMessage {
  /** `<type>/<id>/<seq>/<ordinal>`: the receiver's request id. */
  readonly id: string
  readonly seq: number
  readonly ordinal: number
  readonly targetType: string
  readonly targetId: string
  readonly tag: string
  readonly payload: unknown
}

/** When the actor must be activated again though nobody calls it. `resident`: at once, on every new owner. */
export interface WakeRow {
  readonly dueAt: number | null
  readonly resident: boolean
}

/** What a commit says as JSON text. Its maker writes it to learn how large it is; a store need not write it again. */
export interface CommitTexts {
  /** Of each entry, in their order. */
  readonly entries: ReadonlyArray<{ readonly events: string; readonly answer: string | null }>
  /** Payloads, in the order of the messages. */
  readonly outbox: ReadonlyArray<string>
}

export interface Commit {
  readonly address: ActorAddress
  readonly epoch: number
  readonly entries: ReadonlyArray<Entry>
  readonly outbox: ReadonlyArray<OutboxMessage>
  /** Absent: as before. */
  readonly wake?: WakeRow
  /** Absent: as before. `doc` null removes it. */
  readonly view?: { readonly tenantId: string | null; readonly doc: unknown }
  readonly rows: ReadonlyArray<RowWrite>
  readonly texts?: CommitTexts
  /** Of all of it, roughly (Weight.ts). Absent: little. */
  readonly weight?: number
}

export interface Snapshot {
  readonly seq: number
  readonly version: number
  readonly state: unknown
  /** What the definition says of the state (`isEnded`). */
  readonly ended?: boolean
}

export interface Loaded {
  readonly snapshot: Snapshot | undefined
  /** How far a snapshot of another version went; 0 when there is none. */
  readonly passedOver: number
  /** After the snapshot, in order: all, or the first of them. */
  readonly entries: ReadonlyArray<Entry>
  /** There are entries behind these: read on with `entriesAfter`. */
  readonly moreEntries: boolean
  /** All, or the first of them. */
  readonly outbox: ReadonlyArray<OutboxMessage>
  /** There are messages behind these: read on with `outboxAfter`. */
  readonly moreOutbox: boolean
  readonly wake: WakeRow | undefined
  /** Whether `entries` is all there ever was, so that an unknown request id is new for sure. */
  readonly complete: boolean
}

/** The next rows of an actor, in order, as many as one read takes. `more`: there are others behind them. */
export interface Piece<A> {
  readonly items: ReadonlyArray<A>
  readonly more: boolean
}

/**
 * A commit that did not land, or may have. `Fenced`: another owner has the shard. `SequenceTaken`: another writer was
 * first. Both: nothing was written; stop the actor. `Refused`: the store cannot hold what it says, and will not the
 * next time; nothing was written. `InDoubt`: the store did not answer; load again to learn which.
 */
export class CommitFailed extends Schema.TaggedError<CommitFailed>()("CommitFailed", {
  reason: Schema.Literals(["Fenced", "SequenceTaken", "Refused", "InDoubt"]),
  message: Schema.String
}) {}

export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  message: Schema.String
}) {}

export interface RecordedAnswer {
  readonly requestId: string
  readonly payloadHash: string | null
  readonly answer: EncodedAnswer
}

export class Journal extends Context.Service<
  Journal,
  {
    /** Success: durable. */
    readonly append: (commit: Commit) => Effect.Effect<void, CommitFailed>
    /**
     * One read, however much the actor has: of a large one the first part (Load.ts reads on). A snapshot of another
     * version is passed over: the entries must go back to the first.
     */
    readonly load: (address: ActorAddress, stateVersion: number) => Effect.Effect<Loaded, StoreUnavailable>
    /** Entries behind sequence `seq`. */
    readonly entriesAfter: (address: ActorAddress, seq: number) => Effect.Effect<Piece<Entry>, StoreUnavailable>
    /** Undelivered messages behind this one. */
    readonly outboxAfter: (
      address: ActorAddress,
      last: { readonly seq: number; readonly ordinal: number }
    ) => Effect.Effect<Piece<OutboxMessage>, StoreUnavailable>
    readonly findAnswers: (
      address: ActorAddress,
      requestIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<RecordedAnswer>, StoreUnavailable>
    /** Lost without harm; refused for a lower epoch. */
    readonly saveSnapshot: (
      address: ActorAddress,
      epoch: number,
      snapshot: Snapshot
    ) => Effect.Effect<void, CommitFailed>
    /** Removes delivered messages, soon. Lost without harm: they are delivered again, and known. */
    readonly acknowledge: (address: ActorAddress, messages: ReadonlyArray<OutboxMessage>) => Effect.Effect<void>
    /** Actors of these shards to activate by `until` (Unix milliseconds): due, resident, or with messages to relay. */
    readonly wakes: (
      shardIds: ReadonlyArray<string>,
      until: number
    ) => Effect.Effect<ReadonlyArray<{ readonly address: ActorAddress; readonly dueAt: number }>, StoreUnavailable>
  }
>()("clawster/actor/Journal") {}
