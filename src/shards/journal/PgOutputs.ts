/** Stores the outputs of runs in pieces of one row each. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { type OutputAddress, Outputs, piecesOf } from "../../ports/Outputs.ts"
import type { StoredOutput } from "../../schema/runs/Output.ts"
import { ArrayParameters, type Columns } from "./ArrayParameters.ts"
import { unavailable } from "../reads/StoreUnavailable.ts"

const piecesARead = 8

interface Piece extends OutputAddress {
  readonly piece: number
  readonly pieces: number
  readonly characters: number
  readonly text: string
}

const columns: Columns<Piece> = [
  ["tenant_id", "text", ({ tenantId }) => tenantId],
  ["owner", "text", ({ owner }) => owner],
  ["run_key", "text", ({ runKey }) => runKey],
  ["piece", "int", ({ piece }) => piece],
  ["pieces", "int", ({ pieces }) => pieces],
  ["characters", "int", ({ characters }) => characters],
  ["text", "text", ({ text }) => text]
]

/**
 * Inserts the pieces unless the address already has an output. `put` then returns the size of what is stored, which
 * another caller may have put first.
 */
const insert = (rows: ReadonlyArray<Piece>) => {
  const parameters = new ArrayParameters()
  const { from, read } = parameters.table(columns, rows)
  return {
    text: `WITH first AS (
        SELECT NOT EXISTS (SELECT FROM clawster_outputs WHERE tenant_id = ($1::text[])[1] AND owner = ($2::text[])[1] AND run_key = ($3::text[])[1]) AS ok
      )
      INSERT INTO clawster_outputs (${columns.map(([name]) => name).join(", ")})
      SELECT ${read.join(", ")} FROM ${from}, first WHERE first.ok ON CONFLICT DO NOTHING`,
    params: parameters.values
  }
}

const ofAddress = "tenant_id = $1::text AND owner = $2::text AND run_key = $3::text"
/** When two outputs were put at the same moment, the first piece says how many pieces belong to the stored output. */
const ofFirst = `${ofAddress} AND piece < (SELECT pieces FROM clawster_outputs WHERE ${ofAddress} AND piece = 0)`
const keyOf = ({ owner, runKey, tenantId }: OutputAddress) => [tenantId, owner, runKey]

const make = Effect.map(PgClient.PgClient, (sql) =>
  Outputs.of({
    put: (address, text) =>
      unavailable(
        Effect.gen(function* () {
          const pieces = piecesOf(text)
          const statement = insert(
            pieces.map((piece, n) => ({
              ...address,
              piece: n,
              pieces: pieces.length,
              characters: piece.length,
              text: piece
            }))
          )
          yield* sql.unsafe(statement.text, statement.params)
          const [stored] = yield* sql.unsafe<StoredOutput>(
            `SELECT min(run_key) AS "runKey", sum(characters)::float8 AS characters, sum(octet_length(text))::float8 AS bytes
             FROM clawster_outputs WHERE ${ofFirst}`,
            keyOf(address)
          )
          return stored!
        })
      ),
    read: (address, from) =>
      sql
        .unsafe<{ readonly text: string }>(
          `SELECT text FROM clawster_outputs WHERE ${ofFirst} AND piece >= $4::int ORDER BY piece LIMIT ${piecesARead}`,
          [...keyOf(address), from]
        )
        .pipe(
          unavailable,
          Effect.map((rows) => ({
            text: rows.map(({ text }) => text).join(""),
            ...(rows.length < piecesARead ? {} : { next: from + piecesARead })
          }))
        )
  })
)

export const layer = Layer.effect(Outputs, make)
