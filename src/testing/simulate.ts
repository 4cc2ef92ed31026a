/**
 * The command `npm run simulate -- --seeds 1000 --minutes 10`: runs the whole of Clawster on a simulated cluster, one
 * seed after another.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as FleetScenario from "./scenarios/FleetScenario.ts"
import type { Options } from "./Scenario.ts"
import type { Report } from "./Simulation.ts"
import { explain, type Summary, sweep } from "./Sweep.ts"
import type { SimulatedFleet } from "../instances/simulated/SimulatedFleet.ts"

const scenario =
  (virtualMinutes: number, runners: number) =>
  (seed: number): Options<SimulatedFleet> => ({
    ...FleetScenario.make(),
    seed,
    runners,
    duration: `${virtualMinutes} minutes`,
    faults: FleetScenario.faults
  })

const line = ({ calls, commits, faults, hash, seed, violations, virtualMillis, wallMillis }: Report) =>
  `seed ${seed}  ${hash}  ${(virtualMillis / 1_000).toFixed(0)} s in ${(wallMillis / 1_000).toFixed(1)} s  ${faults.length} faults  ${calls} calls  ${
    commits
  } entries  ${violations.length === 0 ? "ok" : violations.map(({ invariant }) => invariant).join(" ")}`

const table = (summary: Summary) =>
  [
    ["seeds", summary.seeds],
    ["virtual hours", (summary.virtualMillis / 3_600_000).toFixed(2)],
    ["wall time", `${(summary.wallMillis / 1_000).toFixed(0)} s`],
    ["faults felt", Object.values(summary.faults).reduce((sum, n) => sum + n, 0)],
    ...Object.entries(summary.faults)
      .sort()
      .map(([kind, n]) => [`  ${kind}`, n]),
    ["calls", summary.calls],
    ["journal entries", summary.commits],
    ["packets", summary.packets],
    ["longest way back to rest", `${(summary.settledAfterMillis / 1_000).toFixed(0)} s`],
    ["seeds with violations", summary.failures.length]
  ]
    .map(([name, value]) => `${String(name).padEnd(26)}${value}`)
    .join("\n")

const command = Command.make(
  "simulate",
  {
    seeds: Flag.Int("seeds").pipe(Flag.withDefault(20), Flag.withDescription("How many seeds, one after another")),
    seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("The first seed; 1 when not given")),
    minutes: Flag.Finite("minutes").pipe(Flag.withDefault(2), Flag.withDescription("Virtual minutes of each run")),
    wallMinutes: Flag.Finite("wall-minutes").pipe(
      Flag.withDefault(60),
      Flag.withDescription("No further seed is begun after so long")
    ),
    runners: Flag.Int("runners").pipe(Flag.withDefault(3), Flag.withDescription("Runners of the cluster")),
    quiet: Flag.Boolean("quiet").pipe(Flag.withDefault(false), Flag.withDescription("Only the summary and failures"))
  },
  Effect.fnUntraced(function* ({ minutes, quiet, runners, seed, seeds, wallMinutes }) {
    const first = Option.getOrElse(seed, () => 1)
    const summary = yield* sweep({
      scenario: scenario(minutes, runners),
      seeds: Array.from({ length: seeds }, (_, n) => first + n),
      wallMillis: wallMinutes * 60_000,
      onRun: (report) => (quiet && report.violations.length === 0 ? Effect.void : Console.log(line(report)))
    })
    for (const failure of summary.failures) yield* Console.log(`\n${explain(failure)}`)
    yield* Console.log(`\n${table(summary)}`)
    if (summary.failures.length > 0) return yield* Effect.fail("a guarantee was broken")
  })
).pipe(Command.withDescription("Runs Clawster on a simulated cluster and checks its guarantees"))

if (import.meta.main) {
  Command.run(command, { version: "1" }).pipe(Effect.provide(NodeServices.layer), (program) =>
    NodeRuntime.runMain(program as Effect.Effect<void, unknown>, { disableErrorReporting: true })
  )
}
