/** Learns from the registrations of the runners when all of them read what this version stores. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Latch, Layer } from "effect"
import { storedFormat, StoredFormats } from "../../ports/runners/StoredFormats.ts"
import { isGone } from "./PgLeases.ts"

const every = "1 second"
const answerTimeout = "2 seconds"

/** Versions before the first number registered none. */
const statement = `SELECT coalesce(min(coalesce((runner::json->>'storedFormat')::int, 1)), 1)::float8 AS format
  FROM clawster_runners WHERE NOT ${isGone}`

/** What every live registered runner reads; 0 while the store does not answer. */
export const readByAll = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<{ readonly format: number }>(statement).pipe(
    Effect.map((rows) => rows[0]!.format),
    Effect.timeout(answerTimeout),
    Effect.catchCause(() => Effect.succeed(0))
  )
)

const make = Effect.gen(function* () {
  const read = Latch.makeUnsafe(false)
  let isRead = false
  yield* readByAll.pipe(
    Effect.repeat({ while: (format) => Effect.as(Effect.sleep(every), format < storedFormat) }),
    Effect.andThen(Effect.sync(() => (isRead = true))),
    Effect.andThen(read.open),
    Effect.forkScoped
  )
  return { readByAll: Effect.asVoid(read.await), isReadByAll: () => isRead }
})

export const layer = Layer.effect(StoredFormats, make)
