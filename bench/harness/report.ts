/** The table for people and the file for machines. */
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { dirname } from "node:path"
import type { Measured } from "./case.ts"

/** What the design asks for. */
const bars: Readonly<Record<string, { readonly least?: number; readonly most?: number }>> = {
  "keyed-call": { least: 6_000 },
  "cpu-per-call": { most: 0.35 },
  "keyed-call-embedded": { least: 10_000 },
  "hot-key": { least: 8_000 },
  "durable-task": { least: 5_000 },
  "submit-drain": { least: 12_000 },
  "bulk-submit": { least: 40_000 },
  "alone-p50": { most: 1.5 },
  "dequeue-start-p50": { most: 1 },
  "dequeue-start-p99": { most: 5 },
  routing: { least: 10_000 },
  "accept-p99": { most: 50 }
}

/** The same, as multiples of the baseline. */
const ratioBars: Readonly<Record<string, number>> = { "volatile-call": 1, "entity-message": 5 }

export const figure = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3)

export const line = ({ baseline, id, unit, value }: Measured): string =>
  `${id} ${figure(value)} ${unit}${baseline === null ? "" : `, baseline ${figure(baseline)}`}`

export const range = (values: ReadonlyArray<number>): string =>
  values.length === 0 ? "" : `${figure(Math.min(...values))}–${figure(Math.max(...values))}`

const barOf = ({ baseline, id, value }: Measured): string => {
  const ratio = ratioBars[id]
  const bar = ratio !== undefined && baseline !== null ? { least: ratio * baseline } : bars[id]
  if (bar === undefined) return ""
  const { least = -Infinity, most = Infinity } = bar
  const text = bar.least === undefined ? `≤ ${figure(most)}` : `≥ ${figure(least)}`
  return `${text} ${value >= least && value <= most ? "yes" : "no"}`
}

export const align = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const isText = (column: number) => column === 0 || column === lines[0]!.length - 1
  return lines
    .map((line) =>
      line
        .map((cell, column) => (isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

export const table = (rows: ReadonlyArray<Measured>): string =>
  align([
    ["id", "unit", "Clawster", "min–max", "baseline", "min–max", "ratio", "bar met", "note"],
    ...rows.map((row) => [
      row.id,
      row.unit,
      figure(row.value),
      range(row.values),
      row.baseline === null ? "–" : figure(row.baseline),
      range(row.baselines),
      row.ratio === null ? "–" : `${figure(row.ratio)}×`,
      barOf(row),
      row.note ?? ""
    ])
  ])

const commit = (): string => {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim()
  } catch {
    return "unknown"
  }
}

export interface Circumstances {
  readonly commit: string
  readonly node: string
  readonly cores: number
  readonly cpu: string
  readonly at: string
  /** One minute's, at the beginning and at the end. The bench itself keeps two cores busy. */
  readonly loadavg: ReadonlyArray<number>
}

const minuteLoad = (): number => Number(loadavg()[0]!.toFixed(2))

export const circumstances = (): Circumstances => ({
  commit: commit(),
  node: process.version,
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? "unknown",
  at: new Date().toISOString(),
  loadavg: [minuteLoad()]
})

const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(4)))

const plain = ({ baseline, id, note, ratio, unit, value }: Measured) => ({
  id,
  value: rounded(value),
  unit,
  baseline: rounded(baseline),
  ratio: rounded(ratio),
  ...(note === undefined ? {} : { note })
})

export const ended = (began: Circumstances): Circumstances => ({ ...began, loadavg: [...began.loadavg, minuteLoad()] })

export const save = (file: string, content: unknown): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`)
}

export const write = (
  file: string,
  began: Circumstances,
  rows: ReadonlyArray<Measured>,
  more: Readonly<Record<string, unknown>>
): void =>
  save(file, {
    ...ended(began),
    ...more,
    rows: rows.map(plain),
    rounds: Object.fromEntries(
      rows.map(({ baselines, id, values }) => [id, { values: values.map(rounded), baselines: baselines.map(rounded) }])
    )
  })
