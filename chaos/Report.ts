/** The table for people and the file for machines. */
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { dirname } from "node:path"
import type { Findings } from "./Findings.ts"
import type { Silence } from "./Measure.ts"

export interface PhaseResult extends Omit<Findings, "examples">, Silence {
  readonly phase: string
  readonly what: string
  readonly seconds: number
  /** The machine's load at its end: times of a run on a busy machine say little. */
  readonly minuteLoad: number
  readonly notes: ReadonlyArray<string>
  readonly examples: ReadonlyArray<string>
}

const seconds = (millis: number | null) => (millis === null ? "–" : (millis / 1_000).toFixed(2))
const number = (value: number) => value.toLocaleString("en-US")

const columns: ReadonlyArray<readonly [string, (row: PhaseResult) => string]> = [
  ["phase", (row) => row.phase],
  ["acknowledged", (row) => number(row.acknowledged)],
  ["completed", (row) => number(row.completed)],
  ["lost", (row) => number(row.lost)],
  ["doubled", (row) => number(row.doubled)],
  ["reordered", (row) => number(row.reordered)],
  ["stale writes", (row) => number(row.staleWrites)],
  ["stale reads", (row) => number(row.staleReads)],
  ["client gave up", (row) => number(row.notRetried)],
  ["longest unavailability, s", (row) => seconds(row.longestUnavailability)],
  ["failover p99, s", (row) => seconds(row.failoverP99)],
  ["worst second's p99, s", (row) => seconds(row.worstSecondP99)],
  ["machine's load", (row) => row.minuteLoad.toFixed(1)]
]

export const table = (rows: ReadonlyArray<PhaseResult>): string =>
  [
    `| ${columns.map(([name]) => name).join(" | ")} |`,
    `| ${columns.map((_, index) => (index === 0 ? "---" : "---:")).join(" | ")} |`,
    ...rows.map((row) => `| ${columns.map(([, cell]) => cell(row)).join(" | ")} |`),
    "",
    ...rows.flatMap(({ examples, failureKinds, notes, phase, slowest, what }) => [
      `- ${phase}: ${[what, ...notes, ...(slowest === null ? [] : [`the slowest call was sent ${seconds(slowest.sentAfter)} s into it`]), ...failureKinds.map((kind) => `gave up with ${kind}`), ...examples].join("; ")}`
    ])
  ].join("\n")

export const isSound = (rows: ReadonlyArray<PhaseResult>): boolean =>
  rows.every(
    ({ doubled, lost, reordered, staleReads, staleWrites }) =>
      lost + doubled + reordered + staleWrites + staleReads === 0
  )

export const write = (
  file: string,
  rows: ReadonlyArray<PhaseResult>,
  more: Readonly<Record<string, unknown>>
): void => {
  mkdirSync(dirname(file), { recursive: true })
  const result = {
    at: new Date().toISOString(),
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model,
    ...more,
    phases: rows
  }
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`)
}
