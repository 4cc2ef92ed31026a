/**
 * Runs one scenario under many seeds. The summary has what was run and which faults took effect, and for each seed that
 * broke an invariant the shortest list of faults that still breaks it.
 */
import { Effect } from "effect"
import { describe, type FaultKind } from "./faults/Fault.ts"
import type { Options } from "./Scenario.ts"
import { type Report, run, type Shrunk, shrinkFaults } from "./Simulation.ts"

export interface Failure {
  readonly report: Report
  readonly shrunk: Shrunk
}

export interface Summary {
  readonly seeds: number
  readonly virtualMillis: number
  readonly wallMillis: number
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  readonly commits: number
  readonly packets: number
  readonly calls: number
  /** The longest time from the end of a run's duration until its cluster was at rest. */
  readonly settledAfterMillis: number
  readonly failures: ReadonlyArray<Failure>
}

export interface SweepOptions<Outside> {
  /** Each seed gets its own scenario. */
  readonly scenario: (seed: number) => Options<Outside>
  readonly seeds: Iterable<number>
  /** No seed is begun after this much wall time. */
  readonly wallMillis: number
  /** Maximum runs spent on shrinking one failure. */
  readonly tries?: number
  readonly onRun?: (report: Report) => Effect.Effect<void>
}

export const sweep = <Outside = never>(options: SweepOptions<Outside>): Effect.Effect<Summary> =>
  Effect.gen(function* () {
    const began = performance.now()
    const faults: Partial<Record<FaultKind, number>> = {}
    const failures: Array<Failure> = []
    let [seeds, virtualMillis, commits, packets, calls, settledAfterMillis] = [0, 0, 0, 0, 0, 0]
    for (const seed of options.seeds) {
      if (performance.now() - began > options.wallMillis) break
      const scenario = options.scenario(seed)
      const report = yield* run(scenario)
      seeds++
      virtualMillis += report.virtualMillis
      commits += report.commits
      packets += report.packets
      calls += report.calls
      settledAfterMillis = Math.max(settledAfterMillis, report.settledAfterMillis)
      for (const { fault, seen } of report.faults) if (seen > 0) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1
      if (report.violations.length > 0) {
        failures.push({ report, shrunk: yield* shrinkFaults(options.scenario(seed), report, options.tries) })
      }
      if (options.onRun !== undefined) yield* options.onRun(report)
    }
    return {
      seeds,
      virtualMillis,
      wallMillis: performance.now() - began,
      faults,
      commits,
      packets,
      calls,
      settledAfterMillis,
      failures
    }
  })

/** A failure as text for people: what broke, the faults that suffice, and the timeline under them. */
export const explain = ({ report, shrunk }: Failure): string =>
  [
    `seed ${report.seed} broke:`,
    ...report.violations.map(({ invariant, message }) => `  ${invariant}: ${message}`),
    `${shrunk.faults.length} of its ${report.faults.length} faults suffice:`,
    ...shrunk.faults.map((fault) => `  ${(fault.at / 1_000).toFixed(3)} s  ${describe(fault)}`),
    JSON.stringify(shrunk.faults),
    "with them:",
    ...shrunk.report.violations.map(({ invariant, message }) => `  ${invariant}: ${message}`),
    shrunk.report.timeline()
  ].join("\n")
