/**
 * Messages that their receiver could not process. Such a message is neither lost nor does it block those behind it: the
 * receiver writes it to this table in a commit of its own, together with an entry that has no events and under whose
 * request id a repeated delivery is recognised. An operator can look at it, deliver it again or remove it.
 */
import type { RowWrite, Table } from "../Actor.ts"
import type { DeadReason } from "../../schema/DeadMessage.ts"
import type { ActorAddress } from "../Journal.ts"

export const deadMessages: Table = {
  name: "dead_messages",
  key: ["target_type", "target_id", "message_id"],
  columns: {
    target_type: "text",
    target_id: "text",
    message_id: "text",
    tag: "text",
    payload: "json",
    reason: "text",
    error: "text",
    at: "bigint"
  }
}

const errorMost = 2_000

/** The error as the store can hold it: at most `errorMost` characters, without U+0000 and lone surrogates. */
const errorText = (error: unknown): string => {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : (JSON.stringify(error) ?? String(error))
  return text.replaceAll("\u0000", "").slice(0, errorMost).toWellFormed()
}

export const deadMessage = (
  { entityId, entityType }: Pick<ActorAddress, "entityId" | "entityType">,
  message: { readonly id: string; readonly tag: string; readonly payload: unknown },
  reason: DeadReason,
  error: unknown,
  at: number
): RowWrite => ({
  table: deadMessages,
  op: "insert",
  row: {
    target_type: entityType,
    target_id: entityId,
    message_id: message.id,
    tag: message.tag,
    payload: message.payload ?? null,
    reason,
    error: errorText(error),
    at
  }
})
