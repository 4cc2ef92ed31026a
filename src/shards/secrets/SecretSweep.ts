/**
 * Encrypts with the current key what is stored in clear, by versions before there was encryption, or under another key,
 * which can then be dropped. It reads every entry and snapshot of the actor types that have secrets, in small pages,
 * and rests after each for as long as it took.
 *
 * Every runner tries; an advisory lock admits one at a time. It waits until all runners encrypt with the same key, so
 * that no runner is left that could not read what it writes, or that goes on writing under another key. After a whole
 * sweep it begins again when the key has changed, after an hour when something was left, and otherwise after a day.
 */
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Option, Random } from "effect"
import { ActorDirectory } from "../../actor/runtime/ActorDirectory.ts"
import { SecretBox, SecretFault } from "../../actor/SecretBox.ts"
import * as Codec from "../../actor/state/Codec.ts"
import type { Found } from "../../actor/state/SecretFields.ts"
import type { Sealing } from "../../actor/state/Sealing.ts"
import * as KeyRegistry from "./KeyRegistry.ts"
import * as SweepPages from "./SweepPages.ts"

/** Limit of one sweep. The next one continues where this one ended. */
const looksASweep = 1_000
const lockKey = 7_373_002
const againAfterMillis = Duration.toMillis(Duration.hours(24))
const againWhenLeftMillis = Duration.toMillis(Duration.hours(1))

/** Secrets by the id of their key. */
type Counts = Map<string, number>

/** Stands for secrets in clear. No key has this id. */
const clear = ""

/** One kind of rows of one actor type. */
interface Part {
  readonly entityType: string
  readonly rows: SweepPages.SecretRows
  /** Of events, the JSON of a row is a list. */
  readonly isList: boolean
  readonly seals: Sealing
}

/** A sweep in progress. */
interface Progress {
  readonly keyId: string
  readonly parts: Array<Part>
  place: SweepPages.Place
  readonly counts: Counts
  replaced: number
}

const count = (counts: Counts, keyId: string): void => void counts.set(keyId, (counts.get(keyId) ?? 0) + 1)

interface Resealed {
  /** What to write; undefined when nothing is to be changed. */
  readonly text: string | undefined
  readonly found: ReadonlyArray<Found>
  readonly fault: SecretFault | undefined
}

/** A row with a secret that cannot be read stays as it is. */
export const resealed = (
  { isList, seals }: Pick<Part, "isList" | "seals">,
  entityId: string,
  text: string
): Resealed => {
  const found: Array<Found> = []
  const before: unknown = JSON.parse(text)
  const reseal = (value: unknown) => seals.reseal(value, entityId, (one) => found.push(one))
  try {
    const after = isList ? (before as ReadonlyArray<unknown>).map(reseal) : reseal(before)
    const isSame = isList
      ? (after as ReadonlyArray<unknown>).every((one, index) => one === (before as ReadonlyArray<unknown>)[index])
      : after === before
    return { text: isSame ? undefined : JSON.stringify(after), found, fault: undefined }
  } catch (fault) {
    if (fault instanceof SecretFault) return { text: undefined, found, fault }
    throw fault
  }
}

/** Whether another sweep is due after the last whole one. */
export const isDue = (last: KeyRegistry.SweepReport | undefined, keyId: string): boolean =>
  last === undefined ||
  last.keyId !== keyId ||
  last.ageMillis > (last.inClear + last.underOthers > 0 ? againWhenLeftMillis : againAfterMillis)

/**
 * Creates the sweep, which keeps its position between calls. Its result is the number of secrets' rows that the whole
 * sweep rewrote, once it has ended; undefined before that, and when none is due. Does nothing in a process that has no
 * key or serves no actors.
 */
export const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const box = yield* SecretBox
  const directory = Option.getOrUndefined(yield* Effect.serviceOption(ActorDirectory))
  const keyId = box.current
  if (directory === undefined || keyId === undefined) return { sweep: Effect.undefined }
  let progress: Progress | undefined

  const partsOf = (entityType: string): ReadonlyArray<Part> => {
    const definition = directory.definitionOf(entityType)
    if (definition === undefined) return []
    const { event, eventTags, state } = Codec.sealings(definition, box)
    return [
      ...(event === undefined
        ? []
        : [{ entityType, rows: SweepPages.entries(sql, eventTags), isList: true, seals: event }]),
      ...(state === undefined ? [] : [{ entityType, rows: SweepPages.snapshots(sql), isList: false, seals: state }])
    ]
  }

  const begin = Effect.gen(function* () {
    const { sweep: last } = yield* KeyRegistry.read
    if (!isDue(last, keyId)) return undefined
    const parts = (yield* SweepPages.entityTypes(sql)).flatMap(partsOf)
    return { keyId, parts, place: SweepPages.start, counts: new Map(), replaced: 0 } satisfies Progress as Progress
  })

  const othersEncryptOtherwise = Effect.map(
    sql.unsafe(
      `SELECT 1 FROM clawster_runner_reports
       WHERE at > clock_timestamp() - interval '10 seconds' AND report ->> 'secretKey' IS DISTINCT FROM $1::text LIMIT 1`,
      [keyId]
    ),
    (rows) => rows.length > 0
  )

  /** A row that is no longer what was read counts as what it was, so that a later sweep looks again. */
  const take = Effect.fnUntraced(function* (now: Progress, part: Part, row: SweepPages.Row) {
    if (row.text === null) return
    const { fault, found, text } = resealed(part, row.entityId, row.text)
    if (fault !== undefined) {
      yield* Effect.logWarning(`A stored secret stays as it is: ${fault.message}`).pipe(
        Effect.annotateLogs({ event: "secret.fault", entityType: part.entityType, entityId: row.entityId })
      )
    }
    const isReplaced = text !== undefined && (yield* part.rows.replace(part.entityType, row, row.text, text))
    if (isReplaced) now.replaced++
    for (const one of found) count(now.counts, isReplaced ? keyId : typeof one === "string" ? clear : one.key)
  })

  /** Reads and rewrites one page. */
  const look = Effect.fnUntraced(function* (now: Progress) {
    const part = now.parts[0]!
    const { next, rows } = yield* part.rows.page(part.entityType, now.place)
    for (const row of rows) yield* take(now, part, row)
    now.place = next ?? SweepPages.start
    if (next === undefined) now.parts.shift()
  })

  const end = Effect.fnUntraced(function* ({ counts }: Progress) {
    const others = [...counts].filter(([id]) => id !== clear && id !== keyId)
    const underOthers = others.reduce((sum, [, uses]) => sum + uses, 0)
    yield* sql.unsafe(
      `WITH counted AS (
         UPDATE clawster_secret_keys k SET uses = coalesce(c.uses, 0)
         FROM clawster_secret_keys l LEFT JOIN json_to_recordset($1::text::json) AS c("keyId" text, uses bigint) ON c."keyId" = l.key_id
         WHERE k.key_id = l.key_id
       )
       INSERT INTO clawster_secret_sweeps (key_id, in_clear, under_others, ended_at)
       VALUES ($2::text, $3::bigint, $4::bigint, clock_timestamp())
       ON CONFLICT (single) DO UPDATE SET key_id = EXCLUDED.key_id, in_clear = EXCLUDED.in_clear,
         under_others = EXCLUDED.under_others, ended_at = EXCLUDED.ended_at`,
      [
        JSON.stringify([...counts].map(([id, uses]) => ({ keyId: id, uses }))),
        keyId,
        counts.get(clear) ?? 0,
        underOthers
      ]
    )
  })

  const pass = Effect.gen(function* () {
    if (yield* othersEncryptOtherwise) {
      progress = undefined
      return undefined
    }
    const now = (progress ??= yield* begin)
    if (now === undefined) return undefined
    for (let n = 0; n < looksASweep && now.parts.length > 0; n++) {
      const [took] = yield* Effect.timed(look(now))
      yield* Effect.sleep(took)
    }
    if (now.parts.length > 0) return undefined
    yield* end(now)
    progress = undefined
    return now.replaced
  }).pipe(Effect.tapCause(() => Effect.sync(() => (progress = undefined))))

  const sweep = Effect.gen(function* () {
    const connection = yield* sql.reserve
    const locked = yield* connection.execute(`SELECT pg_try_advisory_lock(${lockKey}) AS locked`, [], undefined)
    if ((locked[0] as { locked: boolean }).locked !== true) {
      progress = undefined
      return undefined
    }
    return yield* Effect.ensuring(
      pass,
      Effect.ignore(connection.execute(`SELECT pg_advisory_unlock(${lockKey})`, [], undefined))
    )
  }).pipe(Effect.scoped)

  return { sweep: Effect.provideService(sweep, PgClient.PgClient, sql) }
})

/** Looks at this pace whether a sweep is due. */
export const layer = (options: { readonly every: Duration.Duration } = { every: Duration.minutes(1) }) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const every = Duration.toMillis(options.every)
      const { sweep } = yield* make
      yield* Effect.gen(function* () {
        yield* Effect.sleep(yield* Random.nextBetween(every / 2, every))
        const rows = yield* sweep
        if (rows !== undefined && rows > 0) {
          yield* Effect.logInfo("Stored secrets were encrypted with the current key").pipe(
            Effect.annotateLogs({ event: "secret.swept", rows })
          )
        }
      }).pipe(
        Effect.catchCause((cause) => Effect.logWarning("Stored secrets could not be swept; the next try will", cause)),
        Effect.forever,
        Effect.forkScoped
      )
    })
  )
