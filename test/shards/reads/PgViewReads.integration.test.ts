import { Layer } from "effect"
import { defaultPlacement } from "../../../src/schema/Ids.ts"
import * as Cluster from "../../../src/shards/Cluster.ts"
import * as PgViewReads from "../../../src/shards/reads/PgViewReads.ts"
import { conformance, shelves } from "../../conformance/ViewReads.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

conformance({
  name: "PostgreSQL",
  layer: Layer.merge(shelves, PgViewReads.layer).pipe(
    Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
    Layer.provide(Postgres.layer)
  )
})
