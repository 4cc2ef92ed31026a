/**
 * Calls the cluster of `DATABASE_URL` from a process that serves nothing. `node dist/client.js migrate` makes the
 * tables; `plan MILLIS` plans payments and waits for the first of each ledger; `see` waits for the second.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cluster, viewReadsLayer } from "clawster"
import { Console, Effect, Layer } from "effect"
import { database, migrated } from "./Migrations.ts"
import { owners, plan, seen, untilPaid } from "./Payments.ts"

const [, , step, laterMillis] = process.argv

const program = Effect.gen(function* () {
  if (step === "migrate") return yield* migrated
  if (step === "plan") {
    const refusals = yield* plan(Number(laterMillis))
    yield* untilPaid(1)
    return { refusals, owners: yield* owners }
  }
  yield* untilPaid(2)
  return yield* seen(8)
})

const layer = Layer.merge(Cluster.layerClient(), viewReadsLayer).pipe(Layer.provideMerge(database))

NodeRuntime.runMain(
  program.pipe(
    Effect.flatMap((result) => Console.log(JSON.stringify(result))),
    Effect.provide(layer)
  )
)
