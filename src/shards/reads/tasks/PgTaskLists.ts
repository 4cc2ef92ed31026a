/**
 * Pages of tasks for clients. A list shows the beginning of what a task returned; the whole is read with the task
 * itself.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Page } from "../../../ports/Reads.ts"
import type { Cursor } from "../../../schema/feed/Feed.ts"
import { type TaskPlace, toPlaceToken } from "../../../schema/lists/TaskFilter.ts"
import type { StoredOutput } from "../../../schema/runs/Output.ts"
import type { TaskError, TaskResult, TaskStatus } from "../../../schema/Task.ts"
import { build, rowsAWindow, type TaskQuery } from "./TaskListStatement.ts"

export { rowsAWindow }

/** Characters of a result's text in a list. */
const previewChars = 240

interface Row {
  readonly position: Cursor
  /** Where arms stopped before they had found a full page; null when none did. */
  readonly edges: ReadonlyArray<TaskPlace> | null
  readonly taskId: string | null
  readonly tenantId: string
  readonly submittedAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly resultHead: string | null
  /** Null when the head is the whole. */
  readonly resultTail: string | null
  readonly errorHead: string | null
  readonly errorTail: string | null
  readonly [column: string]: unknown
}

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** The beginning of a text field's value, of which `head` holds only a part. */
const beginningOf = (head: string, field: string): string => {
  const from = head.indexOf(`"${field}":"`)
  if (from < 0) return ""
  const raw = head.slice(from + field.length + 4)
  // An escape sequence that was cut has at most six characters.
  for (let end = raw.length; end > raw.length - 7 && end > 0; end--) {
    const text = parsed(`"${raw.slice(0, end)}"`)
    if (typeof text === "string") return text
  }
  return ""
}

const numberIn = (tail: string, field: string): number | undefined => {
  const found = new RegExp(`"${field}":(\\d+(?:\\.\\d+)?)`).exec(tail)
  return found === null ? undefined : Number(found[1])
}

/** The stored output of a result. The field comes last in the JSON and contains no objects. */
const storedIn = (tail: string): StoredOutput | undefined => {
  const found = /"stored":(\{[^{}]*\})\}$/.exec(tail)
  return found === null ? undefined : (parsed(found[1]!) as StoredOutput | undefined)
}

const textIn = (value: unknown): string | undefined => {
  const text = (value as { readonly text?: unknown } | undefined)?.text
  return typeof text === "string" ? text : undefined
}

/** The whole result, or a preview of it. */
const resultOf = ({
  endedAt,
  resultHead,
  resultTail,
  startedAt
}: Row): { readonly result?: TaskResult; readonly isPreview?: true } => {
  if (resultHead === null) return {}
  const whole = resultTail === null ? (parsed(resultHead) as TaskResult | undefined) : undefined
  const wholeText = textIn(whole)
  if (whole !== undefined && wholeText !== undefined && wholeText.length <= previewChars) return { result: whole }
  const text = wholeText ?? beginningOf(resultHead, "text")
  const durationMillis =
    numberIn(resultTail ?? "", "durationMillis") ?? Math.max(0, (endedAt ?? 0) - (startedAt ?? endedAt ?? 0))
  const stored = storedIn(resultTail ?? "")
  return {
    result: {
      durationMillis,
      ...(stored === undefined ? {} : { stored }),
      ...whole,
      text: text.slice(0, previewChars).toWellFormed()
    },
    isPreview: true
  }
}

const errorOf = ({ errorHead, errorTail }: Row): { readonly error?: TaskError } => {
  if (errorHead === null) return {}
  const whole = errorTail === null ? (parsed(errorHead) as TaskError | undefined) : undefined
  if (whole !== undefined) return { error: whole }
  return {
    error: {
      code: beginningOf(errorHead, "code") || "Unknown",
      message: beginningOf(errorHead, "message").toWellFormed(),
      retryable: /"retryable":true/.test(errorTail ?? "")
    }
  }
}

type Columns = Record<string, unknown>

const columnsOf = (row: Row): Columns => {
  const {
    edges: _,
    errorHead: _head,
    errorTail: _tail,
    position: _at,
    resultHead: _start,
    resultTail: _end,
    ...columns
  } = row
  return { ...columns, ...resultOf(row), ...errorOf(row) }
}

const placeOf = ({ endedAt, submittedAt, taskId, tenantId }: Row, { endedFrom, endedTo }: TaskQuery): TaskPlace => ({
  at: endedFrom === undefined && endedTo === undefined ? submittedAt : (endedAt ?? submittedAt),
  taskId: taskId!,
  tenantId
})

/** Compares in the order of the list: negative when `left` comes first. */
const compare = (left: TaskPlace, right: TaskPlace, order: TaskQuery["order"]): number => {
  const natural = left.at - right.at || byText(left.taskId, right.taskId) || byText(left.tenantId, right.tenantId)
  return order === "oldest" ? natural : -natural
}

const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** When several arms stopped, the arm that got least far bounds how far the list is complete. */
const edgeOf = (edges: Row["edges"], order: TaskQuery["order"]): TaskPlace | undefined =>
  edges?.reduce((nearest, edge) => (compare(edge, nearest, order) < 0 ? edge : nearest))

/**
 * A row that cannot be decoded is shown without its result and error; when that fails, too, the row is left out. It
 * never fails the page.
 */
const statusOf = (row: Row, decode: (columns: Columns) => TaskStatus): TaskStatus | undefined => {
  const { error, result, ...columns } = columnsOf(row)
  try {
    return decode(withoutNulls({ ...columns, error, result }))
  } catch {
    try {
      return decode(withoutNulls(columns))
    } catch {
      return undefined
    }
  }
}

const withoutNulls = (columns: Columns): Columns =>
  Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null && value !== undefined))

/** Reads one page. `decode` throws for columns that do not match the schema. */
export const read = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  query: TaskQuery,
  decode: (columns: Columns) => TaskStatus
) {
  const { params, text } = build(query)
  // Each filter yields a statement text of its own: preparing them all would evict the statements of commits from the
  // connection's few.
  const rows = yield* sql.unsafe<Row>(text, params).unprepared
  const { edges, position } = rows[0]!
  const edge = edgeOf(edges, query.order)
  const found = rows.filter(
    (row) => row.taskId !== null && (edge === undefined || compare(placeOf(row, query), edge, query.order) <= 0)
  )
  const shown = found.slice(0, query.limit)
  const last = found.length > query.limit ? placeOf(shown.at(-1)!, query) : edge
  const items = shown.flatMap((row) => statusOf(row, decode) ?? [])
  if (items.length < shown.length) {
    yield* Effect.logWarning("Tasks that cannot be read were left out of a list").pipe(
      Effect.annotateLogs({ event: "tasks.unreadable", count: shown.length - items.length, near: shown[0]!.taskId })
    )
  }
  return {
    items,
    position,
    ...(last === undefined ? {} : { next: toPlaceToken(last) })
  } satisfies Page<TaskStatus>
})
