/**
 * The journal in memory with the real semantics: sequences and request ids are unique, a stale epoch is refused, and a
 * commit is written as a whole. For tests and simulation. `faults` lets a test lose a commit or its acknowledgement.
 */
import { Context, Effect, Layer } from "effect"
import {
  type ActorAddress,
  type Commit,
  CommitFailed,
  type Entry,
  Journal,
  type Loaded,
  type OutboxMessage,
  type Piece,
  type Snapshot,
  type WakeRow
} from "../Journal.ts"
import { fitting, weightOf } from "../state/Weight.ts"

export interface Stored {
  readonly address: ActorAddress
  readonly entries: Array<Entry>
  readonly epochs: Array<number>
  readonly requestIds: Set<string>
  readonly outbox: Map<string, OutboxMessage>
  snapshot: Snapshot | undefined
  wake: WakeRow | undefined
  view: { readonly tenantId: string | null; readonly doc: unknown } | undefined
}

/**
 * Fault injected into the next commit: `refuse` drops it and reports `InDoubt`, `lose-reply` writes it and reports
 * `InDoubt`, `reject` drops it and reports `Refused`.
 */
export type CommitFault = "none" | "refuse" | "lose-reply" | "reject"

export class MemoryStore extends Context.Service<
  MemoryStore,
  {
    readonly actors: Map<string, Stored>
    /** Highest epoch granted, by shard. */
    readonly epochs: Map<string, number>
    /** Rows by table name and by the key columns' values, joined by `/`. */
    readonly tables: Map<string, Map<string, Record<string, unknown>>>
    readonly faults: { next: (commit: Commit) => CommitFault }
    commits: number
  }
>()("clawster/actor/MemoryStore") {
  static readonly make = (): MemoryStore["Service"] =>
    MemoryStore.of({
      actors: new Map(),
      epochs: new Map(),
      tables: new Map(),
      faults: { next: () => "none" },
      commits: 0
    })

  static readonly layer = Layer.sync(MemoryStore, MemoryStore.make)
}

const keyOf = (address: ActorAddress) => `${address.entityType}/${address.entityId}`

const failed = (reason: CommitFailed["reason"], message: string) => new CommitFailed({ reason, message })

/** The actor's stored data; creates empty data for an actor that was never written. */
export const stored = (store: MemoryStore["Service"], address: ActorAddress): Stored => {
  const key = keyOf(address)
  let actor = store.actors.get(key)
  if (actor === undefined) {
    actor = {
      address,
      entries: [],
      epochs: [],
      requestIds: new Set(),
      outbox: new Map(),
      snapshot: undefined,
      wake: undefined,
      view: undefined
    }
    store.actors.set(key, actor)
  }
  return actor
}

const writeRows = (store: MemoryStore["Service"], commit: Commit): void => {
  for (const { op, row, table } of commit.rows) {
    let rows = store.tables.get(table.name)
    if (rows === undefined) store.tables.set(table.name, (rows = new Map()))
    const key = table.key.map((column) => String(row[column])).join("/")
    const before = rows.get(key)
    if (op === "insert" && before === undefined) rows.set(key, { ...row })
    if (op === "update" && before !== undefined) rows.set(key, { ...before, ...row })
  }
}

/** True when a sequence or request id of the commit is already stored, or its sequences do not continue the journal. */
export const conflicts = (store: MemoryStore["Service"], { address, entries }: Commit): boolean => {
  const actor = stored(store, address)
  const last = actor.entries.at(-1)?.seq ?? 0
  return entries.some(
    ({ requestId, seq }, index) => seq !== last + 1 + index || (requestId !== null && actor.requestIds.has(requestId))
  )
}

/** PostgreSQL's text columns cannot hold U+0000; JSON columns can, so JSON values are not checked. */
export const isRefused = ({ address, entries, outbox, rows, view }: Commit): boolean =>
  [
    address.entityType,
    address.entityId,
    view?.tenantId,
    ...entries.flatMap(({ command, payloadHash, requestId }) => [command, payloadHash, requestId]),
    ...outbox.flatMap(({ tag, targetId, targetType }) => [tag, targetId, targetType]),
    ...rows.flatMap(({ row }) => Object.values(row))
  ].some((value) => typeof value === "string" && value.includes("\u0000"))

/** Writes the whole commit without checking its epoch; the caller has checked it. */
export const apply = (store: MemoryStore["Service"], commit: Commit): void => {
  const actor = stored(store, commit.address)
  for (const entry of commit.entries) {
    actor.entries.push(entry)
    actor.epochs.push(commit.epoch)
    if (entry.requestId !== null) actor.requestIds.add(entry.requestId)
  }
  for (const message of commit.outbox) actor.outbox.set(message.id, message)
  if (commit.wake !== undefined) actor.wake = commit.wake
  if (commit.view !== undefined) actor.view = commit.view.doc === null ? undefined : commit.view
  writeRows(store, commit)
  store.commits++
}

/** Keeps the snapshot, unless a later one is stored or the epoch is no longer current. */
export const saveSnapshot = (
  store: MemoryStore["Service"],
  address: ActorAddress,
  epoch: number,
  snapshot: Snapshot
): void => {
  const actor = stored(store, address)
  if ((store.epochs.get(address.shardId) ?? 0) !== epoch || (actor.snapshot?.seq ?? 0) > snapshot.seq) return
  actor.snapshot = snapshot
}

const write = (store: MemoryStore["Service"], commit: Commit): CommitFailed | undefined => {
  if ((store.epochs.get(commit.address.shardId) ?? 0) !== commit.epoch) {
    return failed("Fenced", `epoch ${commit.epoch} of ${commit.address.shardId} is no longer current`)
  }
  if (isRefused(commit)) return failed("Refused", `${keyOf(commit.address)} says what the store cannot hold`)
  if (conflicts(store, commit)) return failed("SequenceTaken", `${keyOf(commit.address)} has been written meanwhile`)
  apply(store, commit)
  return undefined
}

export const answersOf = ({ entries }: Stored, requestIds: ReadonlyArray<string>) =>
  entries.flatMap(({ answer, payloadHash, requestId }) =>
    requestId !== null && answer !== null && requestIds.includes(requestId) ? [{ requestId, payloadHash, answer }] : []
  )

/** One page of a read. */
const pieceOf = <A>(rows: ReadonlyArray<A>): Piece<A> => {
  const count = fitting(rows, weightOf, { count: 1_024, weight: 262_144 })
  return { items: rows.slice(0, count), more: count < rows.length }
}

export const entriesAfter = ({ entries }: Stored, seq: number): Piece<Entry> =>
  pieceOf(entries.filter((entry) => entry.seq > seq))

export const outboxAfter = (
  { outbox }: Stored,
  last: { readonly seq: number; readonly ordinal: number }
): Piece<OutboxMessage> =>
  pieceOf(
    [...outbox.values()]
      .filter(({ ordinal, seq }) => seq > last.seq || (seq === last.seq && ordinal > last.ordinal))
      .sort((left, right) => left.seq - right.seq || left.ordinal - right.ordinal)
  )

/** Everything but `complete`, which depends on whether there is a snapshot. */
export const loadedOf = (actor: Stored, stateVersion: number): Omit<Loaded, "complete"> => {
  const snapshot = actor.snapshot?.version === stateVersion ? actor.snapshot : undefined
  const entries = entriesAfter(actor, snapshot?.seq ?? 0)
  const outbox = outboxAfter(actor, { seq: 0, ordinal: -1 })
  return {
    snapshot,
    passedOver: snapshot === undefined ? (actor.snapshot?.seq ?? 0) : 0,
    entries: entries.items,
    moreEntries: entries.more,
    outbox: outbox.items,
    moreOutbox: outbox.more,
    wake: actor.wake
  }
}

/** Actors of these shards that are due by `until`, are resident, or have undelivered messages. */
export const wakesOf = (store: MemoryStore["Service"], shardIds: ReadonlySet<string>, until: number) =>
  [...store.actors.values()].flatMap(({ address, outbox, wake }) => {
    if (!shardIds.has(address.shardId)) return []
    const dueAt = outbox.size > 0 || wake?.resident === true ? 0 : (wake?.dueAt ?? Infinity)
    return dueAt <= until ? [{ address, dueAt }] : []
  })

const make = Effect.gen(function* () {
  const store = yield* MemoryStore
  return Journal.of({
    append: (commit) =>
      Effect.suspend(() => {
        const fault = store.faults.next(commit)
        if (fault === "refuse") return Effect.fail(failed("InDoubt", "the store did not answer"))
        if (fault === "reject") return Effect.fail(failed("Refused", "the store cannot hold it"))
        const failure = write(store, commit)
        if (failure !== undefined) return Effect.fail(failure)
        return fault === "lose-reply" ? Effect.fail(failed("InDoubt", "the reply was lost")) : Effect.void
      }),
    load: (address, stateVersion) =>
      Effect.sync(() => {
        const loaded = loadedOf(stored(store, address), stateVersion)
        return { ...loaded, complete: loaded.snapshot === undefined }
      }),
    entriesAfter: (address, seq) => Effect.sync(() => entriesAfter(stored(store, address), seq)),
    outboxAfter: (address, last) => Effect.sync(() => outboxAfter(stored(store, address), last)),
    findAnswers: (address, requestIds) => Effect.sync(() => answersOf(stored(store, address), requestIds)),
    saveSnapshot: (address, epoch, snapshot) => Effect.sync(() => saveSnapshot(store, address, epoch, snapshot)),
    acknowledge: (address, messages) =>
      Effect.sync(() => {
        const actor = stored(store, address)
        for (const message of messages) actor.outbox.delete(message.id)
      }),
    wakes: (shardIds, until) => Effect.sync(() => wakesOf(store, new Set(shardIds), until))
  })
})

export const layer: Layer.Layer<Journal, never, MemoryStore> = Layer.effect(Journal, make)
