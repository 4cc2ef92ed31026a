/**
 * Filters lines of a gateway's log. Lines are JSON or text. A line without its own time or level takes them from the
 * line before it.
 */
import { DateTime, Option } from "effect"
import type { LogLevelName } from "../../../rpc/Requests.ts"

export interface LogQuery {
  /** Maximum number of lines in the answer; the last ones are returned. */
  readonly limit: number
  /** Unix milliseconds, inclusive. */
  readonly since?: number | undefined
  /** This level and more severe ones. */
  readonly level?: LogLevelName | undefined
  /** Text that a line must contain, case-insensitive. */
  readonly search?: string | undefined
}

const ranks: Readonly<Record<string, number>> = {
  trace: 0,
  debug: 0,
  info: 1,
  notice: 1,
  warn: 2,
  warning: 2,
  error: 3,
  fatal: 3
}

interface Facts {
  readonly at: number | undefined
  readonly rank: number | undefined
}

type Json = Readonly<Record<string, unknown>>

const objectIn = (line: string): Json | undefined => {
  if (!line.startsWith("{")) return undefined
  try {
    return JSON.parse(line) as Json
  } catch {
    return undefined
  }
}

const timeOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  const time = typeof value === "string" ? Option.getOrUndefined(DateTime.make(value)) : undefined
  return time === undefined ? undefined : DateTime.toEpochMillis(time)
}

const rankOf = (value: unknown): number | undefined =>
  typeof value === "string" ? ranks[value.toLowerCase()] : undefined

const isoTime = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?/
const levelWord = /\b(trace|debug|info|notice|warn|warning|error|fatal)\b/i

const factsOf = (line: string): Facts => {
  const json = objectIn(line)
  if (json === undefined) {
    return { at: timeOf(isoTime.exec(line)?.[0]), rank: rankOf(levelWord.exec(line.slice(0, 200))?.[1]) }
  }
  const meta = (json["_meta"] ?? {}) as Json
  return {
    at: timeOf(json["time"] ?? json["timestamp"] ?? json["date"] ?? meta["date"]),
    rank: rankOf(json["level"] ?? json["logLevelName"] ?? meta["logLevelName"])
  }
}

export const isNarrowed = ({ level, search, since }: LogQuery): boolean =>
  level !== undefined || search !== undefined || since !== undefined

/** Oldest first, the last `limit` lines that match. */
export const selectLines = (lines: ReadonlyArray<string>, query: LogQuery): ReadonlyArray<string> => {
  if (!isNarrowed(query)) return lines.slice(-query.limit)
  const least = query.level === undefined ? 0 : ranks[query.level]!
  const sought = query.search?.toLowerCase()
  let known: Facts = { at: undefined, rank: undefined }
  const wanted = lines.filter((line) => {
    const own = factsOf(line)
    known = { at: own.at ?? known.at, rank: own.rank ?? known.rank }
    return (
      (query.since === undefined || (known.at !== undefined && known.at >= query.since)) &&
      (query.level === undefined || (known.rank ?? 1) >= least) &&
      (sought === undefined || line.toLowerCase().includes(sought))
    )
  })
  return wanted.slice(-query.limit)
}
