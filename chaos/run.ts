/**
 * The chaos campaign: `node chaos/run.ts [--seconds 60] [--away 60] [--only kill,freeze] [--no-real]`. Faults of real
 * life on real processes, under load; a table at the end. Exit code 1 when anything was lost, doubled, reordered or
 * stale. See docs/chaos.md. With `--rolling --from REVISION [--minutes 6]` the cluster is upgraded from an older
 * revision instead, one process after another.
 */
import { NodeServices } from "@effect/platform-node"
import { Effect, Fiber } from "effect"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Options from "../bench/harness/options.ts"
import * as Campaign from "./Campaign.ts"
import * as Load from "./Load.ts"
import { awaySeconds, leaseMillis, phases } from "./Phases.ts"
import * as Report from "./Report.ts"
import * as Rolling from "./rolling/Rolling.ts"
import * as World from "./World.ts"

const names = phases.map(({ name }) => name)
const usage = `npm run chaos -- [--seconds N] [--away N] [--only PHASE,PHASE] [--no-real] [--verbose]
npm run chaos -- --rolling --from REVISION [--minutes N] [--load FACTOR] [--lease MILLIS] [--no-real] [--verbose]
phases: ${names.join(", ")}`
const {
  chosen: phasesOf,
  options: args,
  stop
} = Options.make(usage, {
  seconds: { type: "string", default: "60" },
  away: { type: "string", default: "60" },
  only: { type: "string" },
  rolling: { type: "boolean", default: false },
  from: { type: "string" },
  minutes: { type: "string", default: "6" },
  load: { type: "string", default: "1" },
  lease: { type: "string", default: String(leaseMillis) },
  "no-real": { type: "boolean", default: false },
  verbose: { type: "boolean", default: false }
})
const seconds = Number(args.seconds)
awaySeconds.current = Number(args.away)
if (!(seconds > 0) || !(awaySeconds.current >= 0)) stop("--seconds, --away: numbers of seconds")
if (args.rolling && args.from === undefined) stop("--rolling: --from names the revision that is upgraded")
if (!(Number(args.minutes) > 0) || !(Number(args.load) > 0)) stop("--minutes, --load: numbers above 0")
const wanted = phasesOf(args.only, names, "phase")
const chosen = phases.filter(({ name }) => wanted.has(name))
const resultFile = join(dirname(dirname(fileURLToPath(import.meta.url))), "bench", "results", "chaos.json")
/** The first turns of a gateway take many times the processor of later ones. */
const first = { seconds: 20, realTurns: 8 }
const say = (line: string) => process.stdout.write(`${line}\n`)

const campaign = Effect.gen(function* () {
  const world = yield* World.make({ real: !args["no-real"] })
  say(
    `volume: ${world.volume.unmountable ?? "mounted"}; runners: ${world.runners.map(({ address }) => address).join(", ")}`
  )
  return yield* Effect.gen(function* () {
    const load = yield* Load.make()
    const rates = { ...Load.steadyRates, ...(args["no-real"] ? { real: 0 } : {}) }
    const { run, warmUp } = yield* Campaign.make({ world, load, rates, seconds })
    const results: Array<Report.PhaseResult> = []
    yield* warmUp({
      seconds: first.seconds,
      rates: args["no-real"] ? rates : { ...rates, real: first.realTurns / first.seconds }
    })
    for (const phase of chosen) {
      say(`\n${phase.name}: ${phase.what}`)
      const result = yield* run(phase)
      results.push(result)
      if (args.only === undefined)
        Report.write(resultFile, results, {
          secondsAPhase: seconds,
          real: !args["no-real"],
          complete: results.length === chosen.length
        })
      say(Report.table([result]))
      if (args.verbose)
        for (const { name, process: running } of world.runners) say(`--- ${name}\n${running().output().slice(-3_000)}`)
    }
    say(`\n${Report.table(results)}`)
    say("stopping")
    return results
  }).pipe(Effect.provide(world.context))
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const rolling = Rolling.run({
  from: args.from ?? "",
  seconds: (Number(args.minutes) * 60) / Rolling.stages,
  real: !args["no-real"],
  load: Number(args.load),
  leaseMillis: Number(args.lease),
  verbose: args.verbose,
  say
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const chosenProgram: Effect.Effect<ReadonlyArray<Report.PhaseResult>, unknown> = args.rolling ? rolling : campaign
const running = Effect.runFork(chosenProgram)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => running.interruptUnsafe())
const results = await Effect.runPromise(Fiber.join(running))
const sound = Report.isSound(results)
say(sound ? "\nNothing was lost, doubled, reordered or stale." : "\nSomething was lost, doubled, reordered or stale.")
process.exit(sound ? 0 : 1)
