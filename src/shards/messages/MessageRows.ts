/**
 * How messages and replies are stored in their tables. Columns and encodings are those of the cluster's own SQL
 * storage, whose statements run on the same tables, so they change only with it.
 */
import { Option } from "effect"
import { type Envelope, MessageStorage, type Reply, ShardId, Snowflake } from "effect/cluster"
import type { Columns } from "../journal/ArrayParameters.ts"

export const prefix = "clawster_cluster"
export const messagesTable = `${prefix}_messages`
export const repliesTable = `${prefix}_replies`

export const messageKind = { Request: 0, AckChunk: 1, Interrupt: 2 } as const
/** Kind of a reply that ends its request. A chunk has no kind. */
export const exitKind = 0

export interface SavedEnvelope {
  readonly envelope: Envelope.Encoded
  readonly messageId: string | null
  readonly deliverAt: number | null
  /** An acknowledgement that is superseded by a later one of its group. */
  readonly overtaken: boolean
}

export const idOf = (envelope: Envelope.Encoded) => (envelope._tag === "Request" ? envelope.requestId : envelope.id)

const ofRequest =
  <A>(read: (envelope: Envelope.PartialRequestEncoded) => A) =>
  ({ envelope }: SavedEnvelope): A | null =>
    envelope._tag === "Request" ? read(envelope) : null

export const envelopeColumns: Columns<SavedEnvelope> = [
  ["id", "id", ({ envelope }) => idOf(envelope)],
  ["message_id", "text", ({ messageId }) => messageId],
  ["shard_id", "text", ({ envelope }) => ShardId.toString(envelope.address.shardId)],
  ["entity_type", "text", ({ envelope }) => envelope.address.entityType],
  ["entity_id", "text", ({ envelope }) => envelope.address.entityId],
  ["kind", "int", ({ envelope }) => messageKind[envelope._tag]],
  ["tag", "text", ofRequest(({ tag }) => tag)],
  ["payload", "text", ofRequest(({ payload }) => JSON.stringify(payload))],
  ["headers", "text", ofRequest(({ headers }) => JSON.stringify(headers))],
  ["trace_id", "text", ofRequest(({ traceId }) => traceId)],
  ["span_id", "text", ofRequest(({ spanId }) => spanId)],
  ["sampled", "boolean", ofRequest(({ sampled }) => sampled)],
  ["processed", "boolean", ({ overtaken }) => overtaken],
  ["request_id", "id", ({ envelope }) => envelope.requestId],
  ["reply_id", "id", ({ envelope }) => (envelope._tag === "AckChunk" ? envelope.replyId : null)],
  ["deliver_at", "bigint", ({ deliverAt }) => deliverAt]
]

export const replyColumns: Columns<Reply.Encoded> = [
  ["id", "id", ({ id }) => id],
  ["kind", "int", ({ _tag }) => (_tag === "WithExit" ? exitKind : null)],
  ["request_id", "id", ({ requestId }) => requestId],
  ["payload", "text", (reply) => JSON.stringify(reply._tag === "WithExit" ? reply.exit : reply.values)],
  ["sequence", "int", (reply) => (reply._tag === "Chunk" ? reply.sequence : null)]
]

interface ReplyRow {
  readonly reply_id: string | null
  readonly reply_kind: number | null
  readonly reply_payload: string | null
  readonly reply_sequence: number | null
}

/** The columns of `ReplyRow`, from the reply `r` that a message's row names as its last. */
export const selectReply = `r.id::text AS reply_id, r.kind AS reply_kind, r.payload AS reply_payload, r.sequence AS reply_sequence`

const replyOf = (requestId: string, row: ReplyRow): Option.Option<Reply.Encoded> => {
  if (row.reply_id === null) return Option.none()
  const value: unknown = JSON.parse(row.reply_payload!)
  const reply = { id: row.reply_id, requestId }
  return Option.some(
    (row.reply_kind === exitKind
      ? { ...reply, _tag: "WithExit", exit: value }
      : { ...reply, _tag: "Chunk", sequence: row.reply_sequence, values: value }) as Reply.Encoded
  )
}

export interface DuplicateRow extends ReplyRow {
  readonly id: string
  readonly message_id: string
}

export const duplicateOf = (row: DuplicateRow) =>
  MessageStorage.SaveResultEncoded.Duplicate({
    originalId: Snowflake.Snowflake(row.id),
    lastReceivedReply: replyOf(row.id, row)
  })

export interface MessageRow extends ReplyRow {
  readonly id: string
  readonly kind: 0 | 1 | 2
  readonly shard_id: string
  readonly entity_type: string
  readonly entity_id: string
  readonly tag: string | null
  readonly payload: string | null
  readonly headers: string | null
  readonly trace_id: string | null
  readonly span_id: string | null
  readonly sampled: boolean | null
  readonly request_id: string
  readonly acked_id: string | null
}

/** The columns of `MessageRow`, from the message `m` and its last reply `r`. */
export const selectMessage = `m.id::text AS id, m.kind, m.shard_id, m.entity_type, m.entity_id, m.tag, m.payload, m.headers, m.trace_id, m.span_id,
  m.sampled, m.request_id::text AS request_id, m.reply_id::text AS acked_id, ${selectReply}`

export const messageOf = (row: MessageRow) => {
  const { id, request_id: requestId } = row
  const address = {
    shardId: ShardId.fromStringEncoded(row.shard_id),
    entityType: row.entity_type,
    entityId: row.entity_id
  }
  if (row.kind !== messageKind.Request) {
    const envelope: Envelope.Encoded =
      row.kind === messageKind.AckChunk
        ? { _tag: "AckChunk", id, requestId, replyId: row.acked_id!, address }
        : { _tag: "Interrupt", id, requestId, address }
    return { envelope, lastSentReply: Option.none() }
  }
  const span =
    row.trace_id === null ? {} : { traceId: row.trace_id, spanId: row.span_id!, sampled: row.sampled === true }
  const envelope: Envelope.Encoded = {
    _tag: "Request",
    requestId: id,
    address,
    tag: row.tag!,
    payload: JSON.parse(row.payload!),
    headers: JSON.parse(row.headers!),
    ...span
  }
  return { envelope, lastSentReply: replyOf(id, row) }
}
