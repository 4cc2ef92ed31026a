/**
 * Bounds on everything that comes from outside: callers, gateways, models, the environment, peers. A value that crosses
 * an edge has one of these, so that nothing is accepted which the store refuses, an actor cannot load or a reader
 * cannot carry.
 *
 * Callers are refused with the field's name (`text`, `instant`). What a gateway or a model says is not refused, since
 * the run that said it cannot be taken back: it is cut, and the cut is marked (`cut`).
 */
import { DateTime, Schema } from "effect"

/** Lengths in UTF-16 code units, as JavaScript and JSON Schema's `maxLength` count them. */
export const bounds = {
  label: 128,
  /** Labels of one list. */
  labels: 256,
  /** Of a key or of a session, as people give it. */
  name: 200,
  url: 2_048,
  token: 4_096,
  pageToken: 512,
  /** Of a document that is passed on as it is: characters of its JSON, and objects and arrays within each other. */
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

/** The longest wait that a caller may ask for before something is tried again, in milliseconds: 30 days. */
export const longestDelay = 2_592_000_000

/**
 * Bytes of one request: a body, or a message on a WebSocket. What is beyond is refused, unread.
 *
 * All of one request that is a change is one journal entry, so this is also what the store has to carry, and each part
 * of it is made for that: a commit takes mail until it weighs 4 MiB and then one command more at most
 * (actor/runtime/LoadedActor.ts); an entry may weigh 32 MiB (actor/runtime/PendingCommit.ts); commits are written
 * together up to 8 MiB (shards/journal/WriteBatcher.ts); an actor is read in pieces of some 256 KiB as stored
 * (shards/journal/PgJournal.ts), of rows of at most 256 MiB (shards/Database.ts); a delivery between actors, and a
 * message of calls between runners, has 2 MiB or one part (actor/outbox/OutboxRelay.ts,
 * shards/transport/calls/Calls.ts), and a frame there 16 MiB.
 */
export const requestBytes = { ordinary: 1_048_576, bulk: 8_388_608 } as const

const nul = String.fromCharCode(0)

/** PostgreSQL stores neither U+0000 nor half a surrogate pair. */
export const isStorable = (value: string): boolean => !value.includes(nul) && value.isWellFormed()

/** A check of its own, so that a test can tell whether a text of the public schemas has it. */
export const storable = Schema.makeFilter<string>(isStorable, {
  expected: "text without the character U+0000 and without half a surrogate pair"
})

/** A text of at most `most` characters that the store can hold. May be empty. */
export const text = (most: number) => Schema.String.check(Schema.isMaxLength(most), storable)

/** The same, of at least one character. */
export const nonEmptyText = (most: number) => Schema.NonEmptyString.check(Schema.isMaxLength(most), storable)

/** A whole number from `minimum` to `maximum`, both included. */
export const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** At most `most` items. */
export const list = <S extends Schema.Constraint>(item: S, most: number) =>
  Schema.Array(item).check(Schema.isMaxLength(most))

/**
 * Whether all texts of a JSON value can be stored, keys included, and no more than `depth` objects and arrays are
 * within each other.
 */
const isPlain = (value: unknown, depth: number): boolean => {
  if (typeof value === "string") return isStorable(value)
  if (typeof value !== "object" || value === null) return true
  if (depth === 0) return false
  return Object.entries(value).every(([key, part]) => isStorable(key) && isPlain(part, depth - 1))
}

/** The depth is looked at first, since writing a value as JSON may overflow the stack. */
export const documentBound = Schema.makeFilter<Schema.Json>(
  (value) => isPlain(value, bounds.documentDepth) && JSON.stringify(value).length <= bounds.document,
  {
    expected:
      `JSON of at most ${bounds.document} characters and ${bounds.documentDepth} levels, ` +
      "its texts and keys without the character U+0000 and without half a surrogate pair"
  }
)

/** Any JSON value that the store can hold and a reader can carry. */
export const document = Schema.Json.check(documentBound)

/** Unix milliseconds that a `Date` can hold. */
export const instant = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: lastInstant }))

/**
 * What a gateway said, made storable and no longer than `most`: U+0000 and half surrogate pairs become U+FFFD, and what
 * is left out is counted in a mark at the end. Never longer than `most`, which must leave room for the mark (40
 * characters).
 */
export const cut = (value: string, most: number): string => {
  const kept = value.length <= most ? value : `${value.slice(0, most - 40)} [cut: ${value.length} characters]`
  return isStorable(kept) ? kept : kept.replaceAll(nul, "\uFFFD").toWellFormed()
}

const cutMark = / \[cut: \d+ characters\]$/

/** Whether it is what `cut` left of a longer text. */
export const isCut = (value: string, most: number): boolean =>
  value.length > most - 40 && value.length <= most && cutMark.test(value.slice(-40))

/**
 * As ISO 8601. A number that no `Date` can hold, which may have been stored before it was refused, is told as the
 * number that it is.
 */
export const instantText = (millis: number): string =>
  Math.abs(millis) <= lastInstant ? DateTime.formatIso(DateTime.makeUnsafe(millis)) : `${millis} ms`

/** Of what a gateway says. A count is of tokens, bytes or tasks. */
export const gatewayBounds = {
  /** A whole answer of a model; what of it is kept is a matter of the task's result. */
  answer: 8_000_000,
  /** Run ids, session keys, boot ids. */
  id: 1_024,
  phase: 128,
  /** Entries of a list in one frame. */
  rows: 1_000,
  count: 1_000_000_000_000_000,
  delayMillis: 3_600_000
} as const
