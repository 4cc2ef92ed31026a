/** Converts command line input to the types of the API. */
import { Clock, DateTime, Effect, FileSystem, Option, Schema, Stdio, Stream } from "effect"
import { Argument, Flag } from "effect/cli"
import { pageSize } from "../schema/lists/Page.ts"

/** The input is invalid; nothing was sent. */
export class BadInput extends Schema.TaggedError<BadInput>()("BadInput", { message: Schema.String }) {}

const millisIn: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Undefined when the text is not a duration such as `500ms`, `30s`, `5m`, `2h` or `1d`. */
export const parseDuration = (text: string): number | undefined => {
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? []
  return count === undefined ? undefined : Math.round(Number(count) * millisIn[unit!]!)
}

/** A flag with a duration, as a number of milliseconds. */
export const duration = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseDuration(text)),
      () => "a duration such as 30s, 5m or 2h"
    )
  )

/** A point in time, relative to now or absolute. */
export type When = { readonly afterMillis: number } | { readonly at: number }

export const parseWhen = (text: string): When | undefined => {
  const afterMillis = parseDuration(text)
  if (afterMillis !== undefined) return { afterMillis }
  const isAbsolute = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const at = isAbsolute
    ? Option.getOrUndefined(DateTime.make(text.includes("T") && !/(Z|[+-]\d\d:\d\d)$/.test(text) ? `${text}Z` : text))
    : undefined
  return at === undefined ? undefined : { at: DateTime.toEpochMillis(at) }
}

const timeFlag = (name: string, description: string, expected: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("WHEN"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseWhen(text)),
      () => expected
    ),
    Flag.optional
  )

export const when = (name: string, description: string) =>
  timeFlag(name, description, "a duration from now (10m) or a time in UTC (2026-01-31T12:00)")

/** A flag with a point in time, where a duration counts back from now. */
export const past = (name: string, description: string) =>
  timeFlag(name, description, "how long ago (8h) or a time in UTC (2026-01-31T12:00)")

/** Unix milliseconds. */
export const resolveWhen = (given: Option.Option<When>): Effect.Effect<number | undefined> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Option.getOrUndefined(Option.map(given, (is) => ("at" in is ? is.at : now + is.afterMillis)))
  )

/** Unix milliseconds. */
export const resolvePast = (given: Option.Option<When>): Effect.Effect<number | undefined> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Option.getOrUndefined(Option.map(given, (is) => ("at" in is ? is.at : Math.max(0, now - is.afterMillis))))
  )

type MayBeAbsent<V> = undefined extends V ? true : [V] extends [Option.Option<unknown>] ? true : false
type Present<V> = V extends Option.Option<infer A> ? A : Exclude<V, undefined>

/** The keys with a value. Absent keys are left out, so that the API applies its defaults. */
export type Given<A> = { readonly [K in keyof A as MayBeAbsent<A[K]> extends true ? never : K]: A[K] } & {
  readonly [K in keyof A as MayBeAbsent<A[K]> extends true ? K : never]?: Present<A[K]>
}

const present = (value: unknown): unknown => (Option.isOption(value) ? Option.getOrUndefined(value) : value)

export const given = <const A extends object>(values: A): Given<A> =>
  Object.fromEntries(
    Object.entries(values)
      .map(([key, value]) => [key, present(value)])
      .filter(([, value]) => value !== undefined)
  ) as never

/** A flag with a list, by repetition, by commas, or both. */
export const list = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.atLeast(0),
    Flag.map((values) =>
      values.flatMap((value) =>
        value
          .split(",")
          .map((each) => each.trim())
          .filter((each) => each !== "")
      )
    )
  )

/** Undefined when the list is empty. */
export const listed = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> | undefined =>
  values.length === 0 ? undefined : values

export const limit = Flag.Int("limit").pipe(
  Flag.withDefault(pageSize.fallback),
  Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: pageSize.most }))),
  Flag.withDescription(`Items on a page, 1 to ${pageSize.most}`)
)

export const after = Flag.String("after").pipe(
  Flag.optional,
  Flag.withDescription("Go on after a page, with what it said")
)

export const watch = Flag.Boolean("watch").pipe(
  Flag.withAlias("w"),
  Flag.withDefault(false),
  Flag.withDescription("Stay, and show what happens as it happens")
)

/** `--wait`, or `--wait=30s`. */
export const wait = duration("wait", "Wait for the end, for 5m or as long as said").pipe(
  Flag.withOptionalValue("5m"),
  Flag.optional
)

export const idempotencyKey = Flag.String("idempotency-key").pipe(
  Flag.optional,
  Flag.withDescription("The same key makes the same command once, however often it is sent")
)

export const message = Argument.String("message").pipe(
  Argument.withSchema(Schema.NonEmptyString),
  Argument.withDescription("What to say; - reads it from standard input")
)

const inputBytesMost = 64 * 1_048_576

/** Reads standard input to its end, at most 64 MiB. */
const standardInput = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  let size = 0
  const text = yield* stdio.stdin.pipe(
    Stream.tap((chunk) => {
      size += chunk.length
      return size > inputBytesMost
        ? Effect.fail(new BadInput({ message: "standard input is larger than 64 MiB" }))
        : Effect.void
    }),
    Stream.decodeText,
    Stream.mkString
  )
  return text
}).pipe(
  Effect.catchTag("PlatformError", (error) =>
    Effect.fail(new BadInput({ message: `standard input: ${error.message}` }))
  )
)

export const textOf = Effect.fnUntraced(function* (argument: string) {
  if (argument !== "-") return argument
  const text = (yield* standardInput).trim()
  return text === "" ? yield* new BadInput({ message: "standard input is empty; expected a message" }) : text
})

export const fileText = Effect.fnUntraced(function* (path: string) {
  if (path === "-") return yield* standardInput
  const fs = yield* FileSystem.FileSystem
  return yield* fs
    .readFileString(path)
    .pipe(Effect.mapError((error) => new BadInput({ message: `${path} cannot be read: ${error.reason._tag}` })))
})

/** Decodes a JSON file with the schema. An error names the file and the field. */
export const jsonFile = Effect.fnUntraced(function* <A>(path: string, schema: Schema.ConstraintDecoder<A>) {
  const text = yield* fileText(path)
  return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text, { onExcessProperty: "error" }).pipe(
    Effect.mapError((error) => new BadInput({ message: `${path}: ${error.message}` }))
  )
})
