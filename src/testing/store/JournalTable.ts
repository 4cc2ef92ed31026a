/** Implements the statements of StatementJournal.ts on the virtual store, with the same rules as on PostgreSQL. */
import { Effect, Layer } from "effect"
import { type Commit, Journal } from "../../actor/Journal.ts"
import {
  answersOf,
  conflicts,
  entriesAfter,
  isRefused,
  loadedOf,
  outboxAfter,
  saveSnapshot,
  stored,
  wakesOf
} from "../../actor/memory/MemoryJournal.ts"
import { WriteFailed } from "../../shards/journal/WriteBatcher.ts"
import { claimKey } from "../../shards/journal/GroupCommit.ts"
import * as StatementJournal from "../../shards/journal/StatementJournal.ts"
import type { Host } from "../world/Host.ts"
import { type Database, failed } from "./Database.ts"

const uniqueViolation = "a row with this key is there already"
const badContent = "a text has the character U+0000"

const reasons: Readonly<Record<string, WriteFailed["reason"]>> = {
  [uniqueViolation]: "Conflict",
  [badContent]: "Content"
}

/** Does what the one statement of CommitStatement.ts does. */
const writeGroup = (database: Database, commits: ReadonlyArray<Commit>): ReadonlySet<string> => {
  const { plant, store } = database
  const claims = commits.map(({ address, epoch }) => ({ shardId: address.shardId, epoch }))
  const valid = new Set(
    claims
      .filter(({ epoch, shardId }) => plant.withoutFence === true || store.epochs.get(shardId) === epoch)
      .map(claimKey)
  )
  if (claims.some((claim) => !valid.has(claimKey(claim)))) return valid
  if (commits.some(isRefused)) throw failed(badContent)
  const actors = new Set(commits.map(({ address }) => `${address.entityType}/${address.entityId}`))
  const twice = actors.size < commits.length
  if (plant.withoutUniqueness !== true && (twice || commits.some((commit) => conflicts(store, commit)))) {
    throw failed(uniqueViolation)
  }
  for (const commit of commits) database.commit(commit)
  return valid
}

const asStored = (commits: ReadonlyArray<Commit>): ReadonlyArray<Commit> =>
  JSON.parse(JSON.stringify(commits.map(({ texts: _, ...commit }) => commit)))

const statements = (database: Database, host: Host): StatementJournal.JournalStatements => {
  const { store } = database
  return {
    write: (commits) => {
      const rows = asStored(commits)
      const label = `commit ${rows
        .map(
          ({ address, entries, epoch }) =>
            `${address.entityType}/${address.entityId} ${entries[0]?.seq}+${entries.length} under ${epoch}`
        )
        .join(", ")}`
      return database
        .statement(host, "write", label, () => writeGroup(database, rows))
        .pipe(Effect.mapError(({ message }) => new WriteFailed({ reason: reasons[message] ?? "Unknown", message })))
    },
    removeOutbox: (messages) =>
      database.statement(host, "write", `acknowledge ${messages.length}`, () => {
        for (const { entityId, entityType, ordinal, seq } of messages) {
          store.actors.get(`${entityType}/${entityId}`)?.outbox.delete(`${entityType}/${entityId}/${seq}/${ordinal}`)
        }
      }),
    load: (address, version) =>
      database.statement(host, "read", `load ${address.entityType}/${address.entityId}`, () =>
        loadedOf(stored(store, address), version)
      ),
    entriesAfter: (address, seq) =>
      database.statement(host, "read", `load ${address.entityType}/${address.entityId} from ${seq}`, () =>
        entriesAfter(stored(store, address), seq)
      ),
    outboxAfter: (address, last) =>
      database.statement(
        host,
        "read",
        `load the outbox of ${address.entityType}/${address.entityId} from ${last.seq}`,
        () => outboxAfter(stored(store, address), last)
      ),
    findAnswers: (address, requestIds) =>
      database.statement(host, "read", "find answers", () => answersOf(stored(store, address), requestIds)),
    saveSnapshot: (address, epoch, snapshot) => {
      const state = JSON.parse(JSON.stringify(snapshot.state))
      return database.statement(
        host,
        "write",
        `snapshot ${address.entityType}/${address.entityId} ${snapshot.seq}`,
        () => saveSnapshot(store, address, epoch, { ...snapshot, state })
      )
    },
    wakes: (shardIds, until) =>
      database.statement(host, "read", "read wakes", () => wakesOf(store, new Set(shardIds), until))
  }
}

/** `change` replaces the journal with a deliberately broken one, for tests of the checks. */
export const layer = (
  database: Database,
  host: Host,
  change: (journal: Journal["Service"]) => Journal["Service"] = (journal) => journal
) => Layer.effect(Journal, Effect.map(StatementJournal.make(statements(database, host)), change))
