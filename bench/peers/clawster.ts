/**
 * Clawster as a peer among the others: tasks through a lane and simulated gateways in this process, counters on a
 * runner in another.
 */
import { Effect, Layer, Logger, Redacted, Scope } from "effect"
import { createRequire } from "node:module"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { withoutTracing } from "../harness/case.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import * as Fleet from "../harness/fleet.ts"
import { serve } from "./serve.mjs"

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string }
const url = Redacted.make(process.env["PG_URL"]!)

const world = Effect.gen(function* () {
  const fleet = yield* Fleet.make(url, Fleet.shape)
  const keyedUrl = Redacted.make(process.env["PG_URL_2"]!)
  yield* Clawster.startRunner("clawster", keyedUrl)
  const client = yield* ActorClient.make(Counter).pipe(
    Effect.provide(yield* Layer.build(Clawster.layerClient(keyedUrl)))
  )
  return { fleet, client }
}).pipe(Scope.provide(Scope.makeUnsafe()), Effect.provide([Logger.layer([]), withoutTracing]))

const { client, fleet } = await Effect.runPromise(world)
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, withoutTracing))

serve({
  version,
  note: `lane, ${Fleet.shape.instances} instances; keys on a runner in another process`,
  task: (n) => run(fleet.run(n)),
  submit: (n) => run(fleet.submit(n)),
  drained: (count) => run(fleet.drained(count)),
  keyed: (key) => run(client(key).Add({ by: 1 }))
})
