/**
 * Bounds on everything that comes from outside: callers, gateways, models, the environment, peers. A value that crosses an edge has one of these, so
 * that nothing is accepted which the store refuses, an actor cannot load or a reader cannot carry.
 *
 * Callers are refused with the field's name (`text`, `instant`). What a gateway or a model says is not refused, since the run that said it cannot be
 * taken back: it is cut, and the cut is marked (`cut`).
 */
import { Schema } from "effect"

/** Lengths in UTF-16 code units, as JavaScript and JSON Schema's `maxLength` count them. */
export const bounds = {
  label: 128,
  reason: 1_000,
  message: 200_000,
  systemPrompt: 50_000,
  errorCode: 128,
  errorMessage: 4_000,
  toolName: 256,
  version: 128,
  logLine: 8_192
} as const

/** The last instant that a JavaScript `Date` can hold, in Unix milliseconds (ECMA-262, section "Time Values and Time Range"). */
export const lastInstant = 8_640_000_000_000_000

const nul = String.fromCharCode(0)

/** PostgreSQL stores neither U+0000 nor half a surrogate pair. */
export const isStorable = (value: string): boolean => !value.includes(nul) && value.isWellFormed()

const storable = Schema.makeFilter<string>(isStorable, {
  expected: "text without the character U+0000 and without half a surrogate pair"
})

/** A text of at most `most` characters that the store can hold. May be empty. */
export const text = (most: number) => Schema.String.check(Schema.isMaxLength(most), storable)

/** The same, of at least one character. */
export const nonEmptyText = (most: number) => Schema.NonEmptyString.check(Schema.isMaxLength(most), storable)

/** Unix milliseconds that a `Date` can hold. */
export const instant = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: lastInstant }))

/**
 * What a gateway said, made storable and no longer than `most`: U+0000 and half surrogate pairs become U+FFFD, and what is left out is counted in a mark
 * at the end. Never longer than `most`, which must leave room for the mark (40 characters).
 */
export const cut = (value: string, most: number): string => {
  const kept = value.length <= most ? value : `${value.slice(0, most - 40)} [cut: ${value.length} characters]`
  return (isStorable(kept) ? kept : kept.replaceAll(nul, "\uFFFD").toWellFormed())
}
