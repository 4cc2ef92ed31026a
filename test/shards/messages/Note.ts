/** A plain persisted entity. Each run of its handler leaves a row, so that runs can be counted. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Schema, Stream } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"

export const Note = Entity.make("Note", [
  Rpc.make("Write", {
    payload: { key: Schema.String },
    success: Schema.String,
    primaryKey: ({ key }) => key
  }),
  Rpc.make("Count", { payload: { to: Schema.Int }, success: Schema.Int, stream: true })
]).annotateRpcs(ClusterSchema.Persisted, true)

export const createRuns = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe(`CREATE TABLE IF NOT EXISTS note_runs (key text, runner text)`)
)

export const runsOf = (key: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe<{ runner: string }>(`SELECT runner FROM note_runs WHERE key = $1::text`, [key])
  ).pipe(Effect.map((rows) => rows.map(({ runner }) => runner)))

/** `hang`: a handler that begins and never ends. */
export const layer = (runner: string, hang: boolean) =>
  Note.toLayer(
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      return Note.of({
        Write: ({ payload }) =>
          sql
            .unsafe(`INSERT INTO note_runs VALUES ($1::text, $2::text)`, [payload.key, runner])
            .pipe(Effect.orDie, Effect.andThen(hang ? Effect.never : Effect.succeed(runner))),
        Count: ({ payload }) => Stream.range(1, payload.to).pipe(Stream.rechunk(1))
      })
    })
  )
