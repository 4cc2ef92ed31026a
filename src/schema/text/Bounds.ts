/**
 * Limits for all external data: from callers, gateways, models, the environment and peers. Every value that crosses an
 * edge has one of these limits, so that nothing is accepted that the store refuses, an actor cannot load or a reader
 * cannot handle.
 *
 * A caller's value outside the limits is refused with the name of the field (`text`, `instant`). Output of a gateway or
 * model is not refused, because its run cannot be undone: it is cut, and the cut is marked (`cut`).
 */
import { DateTime, Schema } from "effect"

/** Lengths in UTF-16 code units, as JavaScript and JSON Schema's `maxLength` count them. */
export const bounds = {
  label: 128,
  /** Maximum number of labels in a list. */
  labels: 256,
  /** Name of a key or label of a session, as entered by a person. */
  name: 200,
  url: 2_048,
  token: 4_096,
  pageToken: 512,
  /** A document that is passed on unchanged: characters of its JSON, and nesting depth of its objects and arrays. */
  document: 65_536,
  documentDepth: 32,
  reason: 1_000,
  message: 200_000,
  systemPrompt: 50_000,
  errorCode: 128,
  errorMessage: 4_000,
  toolName: 256,
  version: 128,
  logLine: 8_192
} as const

/**
 * The last instant that a JavaScript `Date` can hold, in Unix milliseconds (ECMA-262, section "Time Values and Time
 * Range").
 */
export const lastInstant = 8_640_000_000_000_000

/** Longest delay before a retry that a caller may request, in milliseconds: 30 days. */
export const longestDelay = 2_592_000_000

/**
 * Maximum bytes of one request: an HTTP body, or a WebSocket message. Larger requests are refused without being read.
 *
 * A change of one request is one journal entry, so this is also the size that the store must handle, and each part of
 * the store is sized for it. A commit takes mail until it weighs 4 MiB, and then at most one more command
 * (actor/runtime/Batches.ts). An entry may weigh 32 MiB (actor/commit/PendingCommit.ts). Commits are written in
 * batches of up to 8 MiB (shards/journal/WriteBatcher.ts). An actor is read in pieces of about 256 KiB as stored
 * (shards/journal/PgJournal.ts), from rows of at most 256 MiB (shards/Database.ts). A delivery between actors
 * (actor/outbox/OutboxQueue.ts) and a message with calls between runners (shards/transport/calls/CallMessages.ts) have
 * at most 2 MiB, or a single larger item; a frame between runners has at most 16 MiB.
 */
export const requestBytes = { ordinary: 1_048_576, bulk: 8_388_608 } as const

const nul = String.fromCharCode(0)

/** PostgreSQL can store neither U+0000 nor an unpaired surrogate. */
export const isStorable = (value: string): boolean => !value.includes(nul) && value.isWellFormed()

/** Exported as a single check, so that a test can find out whether a text of the public schemas has it. */
export const storable = Schema.makeFilter<string>(isStorable, {
  expected: "text without the character U+0000 and without half a surrogate pair"
})

/** A text of at most `most` code units that the store can hold. It may be empty. */
export const text = (most: number) => Schema.String.check(Schema.isMaxLength(most), storable)

/** A text of 1 to `most` code units that the store can hold. */
export const nonEmptyText = (most: number) => Schema.NonEmptyString.check(Schema.isMaxLength(most), storable)

/** An integer from `minimum` to `maximum`, inclusive. */
export const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** At most `most` items. */
export const list = <S extends Schema.Constraint>(item: S, most: number) =>
  Schema.Array(item).check(Schema.isMaxLength(most))

/**
 * Whether all strings of a JSON value, including keys, can be stored, and its objects and arrays are nested at most
 * `depth` levels deep.
 */
const isPlain = (value: unknown, depth: number): boolean => {
  if (typeof value === "string") return isStorable(value)
  if (typeof value !== "object" || value === null) return true
  if (depth === 0) return false
  return Object.entries(value).every(([key, part]) => isStorable(key) && isPlain(part, depth - 1))
}

/** The depth is checked first, because serializing a deeply nested value may overflow the stack. */
export const documentBound = Schema.makeFilter<Schema.Json>(
  (value) => isPlain(value, bounds.documentDepth) && JSON.stringify(value).length <= bounds.document,
  {
    expected:
      `JSON of at most ${bounds.document} characters and ${bounds.documentDepth} levels, ` +
      "its texts and keys without the character U+0000 and without half a surrogate pair"
  }
)

/** Any JSON value that the store can hold and a reader can handle. */
export const document = Schema.Json.check(documentBound)

/** Unix milliseconds that a `Date` can represent. */
export const instant = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: lastInstant }))

/**
 * Makes a gateway's output storable and at most `most` code units long: U+0000 and unpaired surrogates become U+FFFD,
 * and a mark at the end gives the original length. The result is never longer than `most`, which must leave room for
 * the mark (40 code units).
 */
export const cut = (value: string, most: number): string => {
  const kept = value.length <= most ? value : `${value.slice(0, most - 40)} [cut: ${value.length} characters]`
  return isStorable(kept) ? kept : kept.replaceAll(nul, "\uFFFD").toWellFormed()
}

const cutMark = / \[cut: \d+ characters\]$/

/** Whether the text is the result of cutting a longer text with `cut`. */
export const isCut = (value: string, most: number): boolean =>
  value.length > most - 40 && value.length <= most && cutMark.test(value.slice(-40))

/**
 * The instant as ISO 8601. A number outside the range of `Date`, which may have been stored before such numbers were
 * refused, is shown as a number.
 */
export const instantText = (millis: number): string =>
  Math.abs(millis) <= lastInstant ? DateTime.formatIso(DateTime.makeUnsafe(millis)) : `${millis} ms`

/** Limits for the output of a gateway. `count` applies to tokens, bytes and tasks. */
export const gatewayBounds = {
  /** A whole answer of a model; how much of it is stored is decided where the task's result is stored. */
  answer: 8_000_000,
  /** Run ids, session keys and boot ids. */
  id: 1_024,
  phase: 128,
  /** Entries of one list in a frame. */
  rows: 1_000,
  count: 1_000_000_000_000_000,
  delayMillis: 3_600_000
} as const
