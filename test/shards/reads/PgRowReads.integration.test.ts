import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as PgRowReads from "../../../src/shards/reads/PgRowReads.ts"
import { conformance, createBookTable, shelves } from "../../conformance/RowReads.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const tables = Layer.effectDiscard(Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(createBookTable)))

conformance({
  name: "PostgreSQL",
  layer: Layer.merge(shelves, PgRowReads.layer).pipe(
    Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
    Layer.provide(tables.pipe(Layer.provideMerge(Postgres.layer)))
  )
})
