/**
 * The messages of persisted entities on PostgreSQL: the cluster's own SQL storage, with batched saves of envelopes and
 * replies (WriteBatcher.ts). What is saved, and what a caller gets, is the same as there. A save within the caller's
 * own transaction uses the stock storage, as a part of that transaction.
 */
import { NodeCrypto } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Layer, Option, Result } from "effect"
import { ClusterError, MessageStorage, type Reply, Snowflake, SqlMessageStorage } from "effect/cluster"
import type { Statement } from "../journal/CommitStatement.ts"
import * as WriteBatcher from "../journal/WriteBatcher.ts"
import * as SqlFailure from "../journal/SqlFailure.ts"
import * as MessageClaims from "./MessageClaims.ts"
import { type DuplicateRow, duplicateOf, idOf, prefix, type SavedEnvelope } from "./MessageRows.ts"
import { findMessages, saveEnvelopes, saveReplies } from "./SaveStatements.ts"

const { PersistenceError } = ClusterError

/** A longer primary key is stored as a digest, which is left to the stock storage. */
const longestKey = 255

const failed = (cause: unknown) => new PersistenceError({ cause })
const success = Exit.succeed(MessageStorage.SaveResultEncoded.Success())

const overtakenAcks = (group: ReadonlyArray<SavedEnvelope>): ReadonlyArray<SavedEnvelope> => {
  const last = new Map(
    group.flatMap((saved) => (saved.envelope._tag === "AckChunk" ? [[saved.envelope.requestId, saved] as const] : []))
  )
  return group.map((saved) =>
    saved.envelope._tag === "AckChunk" && last.get(saved.envelope.requestId) !== saved
      ? { ...saved, overtaken: true }
      : saved
  )
}

export const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const stock = yield* SqlMessageStorage.makeEncodedStorage({ prefix })
  const claims = yield* MessageClaims.make

  const run = <Row extends object>({ params, text }: Statement) => sql.unsafe<Row>(text, params)
  const write = <Row extends object>(statement: Statement) =>
    Effect.mapError(run<Row>(statement), SqlFailure.ofSqlError)

  /**
   * Finds the messages that hold the message ids of the envelopes that were not saved. When such a message has been
   * removed meanwhile, the envelope is to be saved after all.
   */
  const duplicatesOf = (left: ReadonlyArray<SavedEnvelope>) =>
    left.length === 0
      ? Effect.succeed(() => undefined)
      : Effect.map(Effect.result(run<DuplicateRow>(findMessages(left.map(({ messageId }) => messageId!)))), (found) => {
          if (Result.isFailure(found)) {
            const failure = Exit.fail(failed(found.failure))
            return () => failure
          }
          const rows = new Map(found.success.map((row) => [row.message_id, row]))
          return ({ messageId }: SavedEnvelope) => {
            const row = rows.get(messageId!)
            return row && Exit.succeed(duplicateOf(row))
          }
        })

  const envelopes = yield* WriteBatcher.make<
    SavedEnvelope,
    MessageStorage.SaveResult.Encoded,
    ClusterError.PersistenceError
  >({
    failed,
    write: Effect.fnUntraced(function* (group) {
      const saved = new Set((yield* write<{ id: string }>(saveEnvelopes(overtakenAcks(group)))).map(({ id }) => id))
      const isNew = group.map(({ envelope }) => saved.delete(idOf(envelope)))
      const duplicate = yield* duplicatesOf(group.filter((_, index) => !isNew[index]))
      return group.map((one, index) => (isNew[index] ? success : duplicate(one)))
    })
  })

  const replies = yield* WriteBatcher.make<Reply.Encoded, void, ClusterError.PersistenceError>({
    failed,
    write: (group) =>
      Effect.as(
        write(saveReplies(group)),
        group.map(() => Exit.void)
      )
  })

  const gathered = <A>(
    save: Effect.Effect<A, ClusterError.PersistenceError>,
    withinTransaction: Effect.Effect<A, ClusterError.PersistenceError>
  ) =>
    Effect.flatMap(Effect.serviceOption(sql.transactionService), (transaction) =>
      Option.isNone(transaction) ? save : withinTransaction
    )
  const persistence = <A, E>(effect: Effect.Effect<A, E>) =>
    PersistenceError.refail(Effect.withTracerEnabled(effect, false))

  return {
    ...stock,
    saveEnvelope: (options) =>
      options.primaryKey !== null && options.primaryKey.length > longestKey
        ? stock.saveEnvelope(options)
        : gathered(
            envelopes({
              envelope: options.envelope,
              messageId: options.primaryKey,
              deliverAt: options.deliverAt,
              overtaken: false
            }),
            stock.saveEnvelope(options)
          ),
    saveReply: (reply) => gathered(replies(reply), stock.saveReply(reply)),
    unprocessedMessages: (shardIds, now, options) => persistence(claims.take(shardIds, now, options)),
    resetShards: (shardIds) => persistence(claims.reset(shardIds))
  } satisfies MessageStorage.Encoded
}).pipe(Effect.withTracerEnabled(false))

/** The tables are those of `migrate`; nothing is created or checked here. */
export const layer = Layer.effect(MessageStorage.MessageStorage, Effect.flatMap(make, MessageStorage.makeEncoded)).pipe(
  Layer.provide([Snowflake.layerGenerator, NodeCrypto.layerDigest])
)
