/**
 * The rows of the turn table, as the session's commits write them. The names are stored permanently. Times are Unix
 * milliseconds.
 */
import type { RowWrite } from "../../actor/Actor.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { table } from "../../schema/tables/Table.ts"
import type { SessionState } from "./SessionState.ts"

export const turnTable = table({
  name: "turns",
  key: ["tenant_id", "session_id", "turn_id"],
  columns: {
    tenant_id: "text",
    session_id: "text",
    turn_id: "text",
    phase: "text",
    /** The whole message. */
    message: "text",
    /** The whole of a short answer, or the beginning of a long one (`stored`). */
    text: "text",
    stored: "json",
    error: "json",
    usage: "json",
    accepted_at: "bigint",
    started_at: "bigint",
    ended_at: "bigint"
  },
  retention: { since: "ended_at", keptAs: "tasks" }
})

type OfTurn = Extract<SessionEvent, { readonly turnId: string }>

const keyOf = ({ sessionId, tenantId, turnId }: OfTurn) => ({
  tenant_id: tenantId,
  session_id: sessionId,
  turn_id: turnId
})

const insert = (event: Extract<OfTurn, { readonly message: string }>, phase: "queued" | "running"): RowWrite => ({
  table: turnTable,
  op: "insert",
  mayExist: true,
  row: { ...keyOf(event), phase, message: event.message, accepted_at: event.at }
})

const update = (event: OfTurn, columns: Readonly<Record<string, unknown>>): RowWrite => ({
  table: turnTable,
  op: "update",
  row: { ...keyOf(event), ...columns }
})

/** The row writes of one event. An event of a turn that the session does not have writes nothing. */
export const rows = (event: SessionEvent, before: SessionState, after: SessionState): ReadonlyArray<RowWrite> => {
  if (before === after) return []
  switch (event._tag) {
    case "session.turn_queued":
      return before.steered.some(({ turn }) => turn.turnId === event.turnId)
        ? [update(event, { phase: "queued" })]
        : [insert(event, "queued")]
    case "session.steered":
      return [insert(event, "running")]
    case "session.turn_started":
      return [update(event, { phase: "running", started_at: after.head?.startedAt ?? event.at })]
    case "session.internal_put_off":
      return before.head?.turn.lane !== undefined ? [] : [update(event, { phase: "queued" })]
    case "session.turn_completed": {
      const { at, stored = null, text, usage = null } = event
      return [update(event, { phase: "completed", text, stored, usage, ended_at: at })]
    }
    case "session.turn_failed":
      return [update(event, { phase: "failed", error: event.error, ended_at: event.at })]
    case "session.turn_aborted":
      return [update(event, { phase: "aborted", ended_at: event.at })]
    default:
      return []
  }
}
