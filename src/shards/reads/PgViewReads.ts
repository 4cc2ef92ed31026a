/** Reads the views that actors write with their commits. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, type Schema } from "effect"
import type { Page } from "../../ports/Reads.ts"
import { type Viewed, type ViewOptions, ViewReads } from "../../ports/ViewReads.ts"
import type { Cursor } from "../../schema/feed/Feed.ts"
import { settled } from "./feed/Position.ts"
import * as DocumentDecoder from "./DocumentDecoder.ts"
import { unavailable } from "./StoreUnavailable.ts"

interface Row {
  readonly entityId: string
  readonly doc: unknown
  readonly at: Cursor
}

const listStatement = `SELECT v.entity_id AS "entityId", v.doc, p.at
  FROM (SELECT ${settled} AS at) p
  LEFT JOIN LATERAL (
    SELECT entity_id, doc FROM clawster_views
    WHERE entity_type = $1::text AND ($2::text IS NULL OR tenant_id = $2::text) AND entity_id > $3::text
      AND ($5::text IS NULL OR EXISTS (
        SELECT 1 FROM json_array_elements_text($5::text::json) AS wanted(field)
        WHERE ${DocumentDecoder.numberIn("doc", "wanted.field")} > 0
      ))
    ORDER BY entity_id LIMIT $4::int
  ) v ON true`

const getStatement = `SELECT entity_id AS "entityId", doc FROM clawster_views
  WHERE entity_type = $1::text AND entity_id = $2::text`

/** The compiled decoder of each schema, for as long as the schema lives. */
const decoders = () => {
  const known = new WeakMap<object, DocumentDecoder.Readable<unknown>>()
  return <Doc>(schema: Schema.Codec<Doc, unknown>): DocumentDecoder.Readable<Doc> => {
    const found = known.get(schema) ?? DocumentDecoder.make("view", schema)
    known.set(schema, found)
    return found as DocumentDecoder.Readable<Doc>
  }
}

const make = Effect.map(PgClient.PgClient, (sql) => {
  const decoderOf = decoders()
  return ViewReads.of({
    list: Effect.fnUntraced(function* <Doc>(
      entity: Viewed,
      schema: Schema.Codec<Doc, unknown>,
      { after, having, limit, tenantId }: ViewOptions<Doc>
    ) {
      const counts = having === undefined ? null : JSON.stringify(having)
      const parameters = [entity.type, tenantId ?? null, after ?? "", limit + 1, counts]
      const rows = yield* sql.unsafe<Row>(listStatement, parameters)
      const found = rows.filter(({ entityId }) => entityId !== null)
      const shown = found.slice(0, limit)
      const items = yield* decoderOf(schema).decodeAll(
        shown,
        ({ entityId }) => `${entity.type} ${entityId}`,
        ({ doc }) => doc
      )
      const next = found.length > limit ? { next: shown.at(-1)!.entityId } : {}
      return { items, position: rows[0]!.at, ...next } satisfies Page<Doc>
    }, unavailable),
    get: Effect.fnUntraced(function* <Doc>(entity: Viewed, schema: Schema.Codec<Doc, unknown>, entityId: string) {
      const [row] = yield* sql.unsafe<Omit<Row, "at">>(getStatement, [entity.type, entityId])
      return row === undefined ? undefined : yield* decoderOf(schema).decode(`${entity.type} ${entityId}`, row.doc)
    }, unavailable)
  })
})

/** Requires the database alone. */
export const layer: Layer.Layer<ViewReads, never, PgClient.PgClient> = Layer.effect(ViewReads, make)
