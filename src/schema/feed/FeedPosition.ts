/**
 * Format of a cursor: `TX-NUMBER`, or `TX-NUMBER.N` within an entry of several events.
 *
 * TX orders transactions. Its upper bits are the timeline: a new timeline begins when the database has moved to another
 * server, whose transaction ids cannot be compared with those of the former. A NUMBER of twenty digits begins with a
 * mark of five digits for the timeline's cluster, so that cursors of another cluster can be detected. A NUMBER with
 * fewer digits has no mark, as in cursors of the first version.
 */
import { Cursor } from "./Feed.ts"

/** Number of bits of a transaction id below the timeline. */
export const timelineBits = 48n

export interface Place {
  readonly tx: bigint
  readonly number: bigint
}

export interface ParsedCursor extends Place {
  readonly mark: number | undefined
  /** Number of events of the entry after the place that the follower has already received. */
  readonly skip: number
}

const digitsOfMarked = 20
const digitsOfNumber = 15

const numberOf = (digits: string): string =>
  digits.length === digitsOfMarked ? digits.slice(digitsOfMarked - digitsOfNumber) : digits

export const parseCursor = (cursor: Cursor): ParsedCursor => {
  const [place, skip = "0"] = cursor.split(".") as [string, string?]
  const [tx, digits] = place.split("-") as [string, string]
  return {
    tx: BigInt(tx),
    number: BigInt(numberOf(digits)),
    mark: digits.length === digitsOfMarked ? Number(digits.slice(0, digitsOfMarked - digitsOfNumber)) : undefined,
    skip: Number(skip)
  }
}

/** `mark` must be the mark of the timeline that `tx` belongs to. */
export const formatCursor = (
  { number, tx }: { readonly tx: bigint | string; readonly number: bigint | string },
  mark: number
) => Cursor.make(`${tx}-${mark}${String(number).padStart(digitsOfNumber, "0")}`)

export const timelineOf = (tx: bigint): number => Number(tx >> timelineBits)

const withoutZeros = (digits: string): string => digits.replace(/^0+(?=\d)/, "")

const compareDigits = (left: string, right: string): number => {
  if (left === right) return 0
  const [a, b] = [withoutZeros(left), withoutZeros(right)]
  return a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length
}

/** Compares by the order of the feed. The position within an entry is ignored. */
export const compareCursors = (left: Cursor, right: Cursor): number => {
  const [leftTx, leftNumber] = left.replace(/\..*/u, "").split("-") as [string, string]
  const [rightTx, rightNumber] = right.replace(/\..*/u, "").split("-") as [string, string]
  return compareDigits(leftTx, rightTx) || compareDigits(numberOf(leftNumber), numberOf(rightNumber))
}
