/** One process with its own PostgreSQL: `node dist/embedded.js DIRECTORY`. The database is kept in the directory. */
import { NodeRuntime } from "@effect/platform-node"
import { Cluster, Database, defaultPlacement, EmbeddedPostgres, viewReadsLayer } from "clawster"
import { Console, Effect, Layer } from "effect"
import { auditorLayer } from "./Auditor.ts"
import { Bank } from "./Bank.ts"
import { ledgerLayer } from "./Ledger.ts"
import { migrated } from "./Migrations.ts"
import { plan, seen, untilPaid } from "./Payments.ts"

const database = Layer.unwrap(
  Effect.map(EmbeddedPostgres.start({ directory: process.argv[2]! }), ({ url }) =>
    Layer.effectDiscard(migrated).pipe(Layer.provideMerge(Database.layer({ url })))
  )
)

const layer = Layer.mergeAll(ledgerLayer, auditorLayer, viewReadsLayer).pipe(
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement] })),
  Layer.provide(Bank.layer("embedded")),
  Layer.provideMerge(database)
)

const program = Effect.gen(function* () {
  const refusals = yield* plan(200)
  yield* untilPaid(2)
  yield* Console.log(JSON.stringify({ refusals, ...(yield* seen(8)) }))
})

NodeRuntime.runMain(Effect.provide(program, layer))
