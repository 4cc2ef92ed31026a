/** The stock cluster as a peer among the others: persisted entity calls, in this process. */
import { Deferred, Effect, Layer, Logger, Redacted, Scope } from "effect"
import { createRequire } from "node:module"
import { withoutTracing } from "../harness/case.ts"
import * as Stock from "../harness/stock.ts"
import { serve } from "./serve.mjs"

const { version } = createRequire(import.meta.url)("effect/package.json") as { version: string }

let fired = 0
let target = Infinity
let reached = Deferred.makeUnsafe<void>()
const onFire = () => {
  if (++fired === target) Deferred.doneUnsafe(reached, Effect.void)
}

const world = Effect.gen(function* () {
  const services = yield* Layer.build(Stock.layerSingle(Redacted.make(process.env["PG_URL"]!), onFire))
  return yield* Effect.provide(Stock.StockCounter.client, services)
}).pipe(Scope.provide(Scope.makeUnsafe()), Effect.provide([Logger.layer([]), withoutTracing]))

const client = await Effect.runPromise(world)
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, withoutTracing))

serve({
  version,
  note: "in process; message and reply are durable, the counter is not",
  task: (n) => run(client(`key-${n % 1_000}`).Run({ key: `task-${n}` })),
  submit: (n) => run(client(`key-${n % 1_000}`).Fire({ key: `fire-${n}` }, { discard: true })),
  drained: (count) => {
    target = fired + count
    reached = Deferred.makeUnsafe<void>()
    return run(Deferred.await(reached))
  },
  keyed: (key) => run(client(key).Add({ by: 1 }))
})
