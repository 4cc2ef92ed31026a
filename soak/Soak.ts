/** One run: a cluster, its load, its faults and its samples, until the time is over or `stop` says so. */
import { NodeServices } from "@effect/platform-node"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { rmSync } from "node:fs"
import * as Edge from "./Edge.ts"
import * as Faults from "./Faults.ts"
import type { Form } from "./Forms.ts"
import { Ledger } from "./Ledger.ts"
import * as Load from "./Load.ts"
import * as Report from "./Report.ts"
import * as Samples from "./Samples.ts"
import type { Sample } from "./Slope.ts"
import * as World from "./World.ts"

export interface Options {
  readonly form: Form
  /** Made, and removed when nothing went wrong. */
  readonly home: string
  readonly faults: boolean
  readonly say: (line: string) => void
  readonly stop: Deferred.Deferred<void>
}

const make = Effect.fnUntraced(function* ({ form, home, ledger, say }: Options & { readonly ledger: Ledger }) {
  const world = yield* World.make(home, form, (what) => ledger.fault(what))
  say("the cluster is up; gateways start")
  const edge = yield* Edge.make({
    url: world.url,
    adminToken: world.adminToken,
    ledger,
    realGateways: form.realGateways,
    manners: ["reads", "reads", "reads", "reads", "slow", "never reads"]
  })
  return { world, ...edge }
})

const progress = (ledger: Ledger, at: number): string =>
  `${(at / 60).toFixed(1)} min: ${ledger.counts["tasks accepted"] ?? 0} tasks accepted, ${ledger.unfinished} under way (oldest ${ledger.oldestUnfinished.toFixed(0)} s), ` +
  `${Object.values(ledger.errors).reduce((sum, count) => sum + count, 0)} errors, ${ledger.faults.length} faults`

export const run = (options: Options) =>
  Effect.gen(function* () {
    const { faults, form, say, stop } = options
    const ledger = new Ledger()
    const { field, following, world } = yield* make({ ...options, ledger })
    const startedAt = new Date()
    const beganAt = performance.now()
    const now = () => (performance.now() - beganAt) / 1_000
    const series = new Map<string, Array<Sample>>()
    const sample = Effect.gen(function* () {
      const at = now()
      for (const [name, value] of yield* Samples.take(world, ledger, form.realGateways)) {
        const known = series.get(name) ?? []
        series.set(name, known)
        known.push({ at, ...value })
      }
      say(progress(ledger, at))
    })
    const load = yield* Effect.forkScoped(Load.run(field, form.rates))
    const striking = faults
      ? yield* Effect.forkScoped(
          Faults.run({ world, ledger, followers: following, realGateways: form.realGateways }, form.faultEvery)
        )
      : undefined
    const sampling = Effect.repeat(sample, Schedule.fixed(form.sampleEvery * 1_000))
    const timeIsOver = Effect.timeoutOption(sampling, form.seconds * 1_000)
    const ended = yield* Effect.raceFirst(
      Effect.as(timeIsOver, "in time" as const),
      Effect.as(Deferred.await(stop), "early" as const)
    )
    const seconds = now()
    say(
      ended === "early"
        ? "ended early; what is under way is waited for"
        : "the time is over; what is under way is waited for"
    )
    if (striking !== undefined) yield* Fiber.interrupt(striking)
    yield* Fiber.interrupt(load)
    yield* Edge.settle(ledger)
    const window = Report.windowOf(form, seconds)
    return {
      form,
      startedAt,
      seconds,
      interrupted: ended === "early",
      series,
      ledger,
      window,
      verdicts: Report.verdictsOf(form, series, window)
    } satisfies Report.Outcome
  }).pipe(
    Effect.scoped,
    Effect.tap((outcome) =>
      Effect.sync(() => Report.failures(outcome).length === 0 && rmSync(options.home, { recursive: true, force: true }))
    ),
    Effect.provide(NodeServices.layer)
  )
