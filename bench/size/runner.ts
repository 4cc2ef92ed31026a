/**
 * A runner process of a size run: `runner.ts clawster|bare URL PORT`. Prints `ready` when its layers are up, and its
 * memory when asked (memory.ts). Its sessions stay in memory for as long as it lives.
 */
import { Effect, Layer, Redacted } from "effect"
import type { Sharding } from "effect/cluster"
import { launch } from "../../src/runners/launch/Launch.ts"
import { withoutTracing } from "../harness/case.ts"
import * as Actors from "./actors.ts"
import { layerAnswering } from "./memory.ts"

const [kind, url = "", port] = process.argv.slice(2)
const make = kind === "bare" ? Actors.layerBare : Actors.layerClawster

launch(
  Layer.effectDiscard(Effect.sync(() => process.stdout.write("ready\n"))).pipe(
    Layer.provide(layerAnswering),
    Layer.provide(make(Redacted.make(url), Number(port)) as Layer.Layer<Sharding.Sharding>),
    Layer.provide(withoutTracing)
  )
)
