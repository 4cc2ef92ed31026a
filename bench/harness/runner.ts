/** A runner process of a benchmark: `runner.ts clawster|stock URL PORT`. Prints `ready` when its layers are up. */
import { Effect, Layer, Redacted } from "effect"
import { launch } from "../../src/runners/launch/Launch.ts"
import { withoutTracing } from "./case.ts"
import * as Clawster from "./clawster.ts"
import * as Stock from "./stock.ts"

const [kind, url = "", port] = process.argv.slice(2)
const make = kind === "stock" ? Stock.layerRunner : Clawster.layerRunner

launch(
  Layer.effectDiscard(Effect.sync(() => process.stdout.write("ready\n"))).pipe(
    Layer.provide(make(Redacted.make(url), Number(port)) as Layer.Layer<never>),
    Layer.provide(withoutTracing)
  )
)
