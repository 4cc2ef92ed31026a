/** The statements that save a group of envelopes or of replies: all of it or nothing. */
import type { Reply } from "effect/cluster"
import { ArrayParameters, names } from "../journal/ArrayParameters.ts"
import type { Statement } from "../journal/CommitStatement.ts"
import {
  envelopeColumns,
  messageKind,
  messagesTable,
  repliesTable,
  replyColumns,
  type SavedEnvelope,
  selectReply
} from "./MessageRows.ts"

/**
 * Rows are always locked in this order, so that a save waits for a claim or a reset of the same rows, and neither is
 * aborted by a deadlock.
 */
const inOrder = "ORDER BY m.rowid FOR UPDATE OF m"

/** Acknowledging a chunk also marks the request's earlier acknowledgements as processed. */
const acknowledge = (parameters: ArrayParameters, group: ReadonlyArray<SavedEnvelope>): ReadonlyArray<string> => {
  const acks = group.flatMap(({ envelope }) => (envelope._tag === "AckChunk" ? [envelope] : []))
  if (acks.length === 0) return []
  const replies = parameters.list(
    "id",
    acks.map(({ replyId }) => replyId)
  )
  const requests = parameters.list(
    "id",
    acks.map(({ requestId }) => requestId)
  )
  return [
    `acked AS (UPDATE ${repliesTable} SET acked = TRUE WHERE id = ANY (${replies}))`,
    `locked AS MATERIALIZED (
  SELECT m.id FROM ${messagesTable} m
  WHERE m.processed = FALSE AND m.kind = ${messageKind.AckChunk} AND m.request_id = ANY (${requests}) ${inOrder}
)`,
    `passed AS (UPDATE ${messagesTable} m SET processed = TRUE FROM locked WHERE m.id = locked.id)`
  ]
}

/**
 * Returns the ids that it saved. A row whose message id is already stored, or occurs earlier in the group, is left out.
 */
export const saveEnvelopes = (group: ReadonlyArray<SavedEnvelope>): Statement => {
  const parameters = new ArrayParameters()
  const acknowledging = acknowledge(parameters, group)
  const { from, read } = parameters.table(envelopeColumns, group)
  const insert = `saved AS (
  INSERT INTO ${messagesTable} (${names(envelopeColumns)}) SELECT ${read.join(", ")} FROM ${from}
  ON CONFLICT (message_id) DO NOTHING RETURNING id
)`
  return {
    text: `WITH ${[...acknowledging, insert].join(",\n")}\nSELECT id::text AS id FROM saved`,
    params: parameters.values
  }
}

/** The messages that hold these message ids, each with its last reply. */
export const findMessages = (messageIds: ReadonlyArray<string>): Statement => {
  const parameters = new ArrayParameters()
  const ids = parameters.list("text", messageIds)
  return {
    text: `SELECT m.message_id, m.id::text AS id, ${selectReply}
FROM ${messagesTable} m LEFT JOIN ${repliesTable} r ON r.id = m.last_reply_id
WHERE m.message_id = ANY (${ids})`,
    params: parameters.values
  }
}

interface Progress {
  readonly requestId: string
  readonly lastReplyId: string
  readonly ended: boolean
}

/** A statement updates a row only once, so the replies of one request are merged into one update. */
const progressOf = (replies: ReadonlyArray<Reply.Encoded>): ReadonlyArray<Progress> => {
  const requests = new Map<string, Progress>()
  for (const { _tag, id, requestId } of replies) {
    const before = requests.get(requestId)
    if (before?.ended !== true) requests.set(requestId, { requestId, lastReplyId: id, ended: _tag === "WithExit" })
  }
  return [...requests.values()]
}

/**
 * A chunk becomes the last reply of its request. An exit also becomes the last reply of the request's interrupts and
 * acknowledgements, and marks them all as processed.
 */
export const saveReplies = (replies: ReadonlyArray<Reply.Encoded>): Statement => {
  const parameters = new ArrayParameters()
  const inserted = parameters.table(replyColumns, replies)
  const { from, read } = parameters.table<Progress>(
    [
      ["request_id", "id", ({ requestId }) => requestId],
      ["last_reply_id", "id", ({ lastReplyId }) => lastReplyId],
      ["ended", "boolean", ({ ended }) => ended]
    ],
    progressOf(replies)
  )
  const [requestId, lastReplyId, ended] = read
  return {
    text: `WITH locked AS MATERIALIZED (
  SELECT m.id, ${lastReplyId} AS last_reply_id, ${ended} AS ended
  FROM ${from} JOIN ${messagesTable} m ON m.request_id = ${requestId} AND (${ended} OR m.id = ${requestId}) ${inOrder}
), changed AS (
  UPDATE ${messagesTable} m SET processed = m.processed OR locked.ended, last_reply_id = locked.last_reply_id
  FROM locked WHERE m.id = locked.id
)
INSERT INTO ${repliesTable} (${names(replyColumns)}) SELECT ${inserted.read.join(", ")} FROM ${inserted.from}`,
    params: parameters.values
  }
}
