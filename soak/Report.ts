/** What a run leaves: a page with the table, plots, and every sample. */
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { lines } from "../bench/harness/svg.ts"
import type { Form } from "./Forms.ts"
import { boundOf } from "./Forms.ts"
import type { Ledger } from "./Ledger.ts"
import { judge, type Sample, type Verdict, type Window } from "./Slope.ts"

export type AllSeries = ReadonlyMap<string, ReadonlyArray<Sample>>

export interface Outcome {
  readonly form: Form
  readonly startedAt: Date
  readonly seconds: number
  readonly interrupted: boolean
  readonly series: AllSeries
  readonly ledger: Ledger
  readonly verdicts: ReadonlyArray<Verdict>
  readonly window: Window
}

export const windowOf = (form: Form, until: number): Window => ({
  from: Math.max(until * form.judgedFrom, form.warmUp),
  until,
  warmUp: form.warmUp
})

export const verdictsOf = (form: Form, series: AllSeries, window: Window): ReadonlyArray<Verdict> =>
  [...series]
    .flatMap(([name, samples]) => judge(name, samples, window, boundOf(form, name)) ?? [])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))

export const failures = ({ ledger, verdicts }: Outcome): ReadonlyArray<string> => [
  ...ledger.faults,
  ...verdicts
    .filter(({ holds }) => !holds)
    .map(({ growth, most, name }) => `${name} grew by ${figure(name, growth)}, more than ${figure(name, most!)}`)
]

const mebi = 1024 * 1024
const isBytes = (name: string) => /bytes|\.rss$|heap|external|disk\.logs/.test(name)
const figure = (name: string, value: number): string => {
  if (isBytes(name)) return `${(value / mebi).toFixed(2)} MiB`
  if (name.endsWith("lag p99")) return `${(value * 1_000).toFixed(1)} ms`
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toFixed(2)))
}

const row = ({ growth, holds, last, median, most, name, perHour }: Verdict): string =>
  `| ${[name, figure(name, median), figure(name, last), figure(name, perHour), figure(name, growth), most === undefined ? "–" : figure(name, most), most === undefined ? "" : holds ? "flat" : "**grows**"].join(" | ")} |`

const tableOf = (verdicts: ReadonlyArray<Verdict>): string =>
  [
    "| Series | Median | Last | Slope an hour | Growth in the window | Most | |",
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ...verdicts.map(row)
  ].join("\n")

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `- ${name}: ${count.toLocaleString("en-US")}`)
    .join("\n")

/** What never changes says nothing. */
const isTelling = ({ growth, holds, last, median }: Verdict): boolean => !holds || last !== median || growth !== 0

export const summary = (outcome: Outcome): string => {
  const { form, interrupted, ledger, seconds, verdicts, window } = outcome
  const failed = failures(outcome)
  const judged = verdicts.filter(({ most }) => most !== undefined)
  const minutes = (at: number) => (at / 60).toFixed(1)
  return [
    `# Soak of ${minutes(seconds)} minutes`,
    "",
    `${outcome.startedAt.toISOString()}, Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}).${interrupted ? " It was ended early." : ""}`,
    `History, tasks and keys were kept for ${form.kept}. Slopes are of minutes ${minutes(window.from)} to ${minutes(window.until)}, by Theil and Sen.`,
    "",
    failed.length === 0
      ? "Nothing grew beyond its bound, and nothing was lost."
      : ["Not as it must be:", "", ...failed.map((what) => `- ${what}`)].join("\n"),
    "",
    tableOf(judged.filter(isTelling)),
    "",
    `${judged.length - judged.filter(isTelling).length} more series that are judged did not change at all.`,
    "",
    "Told and not judged:",
    "",
    tableOf(verdicts.filter((verdict) => verdict.most === undefined && isTelling(verdict))),
    "",
    "What was done:",
    "",
    counted(ledger.counts),
    "",
    "Errors that callers saw, by code:",
    "",
    Object.keys(ledger.errors).length === 0 ? "none" : counted(ledger.errors),
    ""
  ].join("\n")
}

const plots: ReadonlyArray<readonly [file: string, title: string, unit: string, pattern: RegExp, scale: number]> = [
  ["descriptors", "Open descriptors", "descriptors", /^(runner-\d|gateway)\.descriptors$/, 1],
  ["memory", "Resident memory", "MiB", /^(runner-\d|gateway)\.rss$/, mebi],
  ["heap", "Heap after a major collection", "MiB", /^(runner-\d|gateway)\.heap after gc$/, mebi],
  ["tables", "Tables, indexes not counted", "MiB", /^table\..*\.bytes$/, mebi],
  ["rows", "Rows", "rows", /^table\.clawster_(journal|tasks|views|snapshots|outbox|wakes|keys|idempotency)\.rows$/, 1],
  ["gateways", "Disks of OpenClaw gateways", "MiB", /^disk\.gateways\..*\.bytes$/, mebi]
]

const plot = (series: AllSeries, title: string, unit: string, pattern: RegExp, scale: number): string => {
  const drawn = [...series]
    .filter(([name]) => pattern.test(name))
    .map(([label, samples]) => ({
      label,
      points: samples.map(({ at, value }) => ({ x: Math.round(at / 6) / 10, y: value / scale }))
    }))
  return drawn.length === 0 ? "" : lines(title, "minutes", unit, drawn, true)
}

const csv = (series: AllSeries): string =>
  [
    "series,seconds,life,value",
    ...[...series].flatMap(([name, samples]) =>
      samples.map(({ at, life, value }) => `${name},${at.toFixed(1)},${life ?? ""},${value}`)
    )
  ].join("\n")

export const write = (directory: string, outcome: Outcome): void => {
  mkdirSync(directory, { recursive: true })
  const drawn = plots.flatMap(([file, title, unit, pattern, scale]) => {
    const text = plot(outcome.series, title, unit, pattern, scale)
    if (text === "") return []
    writeFileSync(join(directory, `${file}.svg`), text)
    return [`![${title}](${file}.svg)`]
  })
  writeFileSync(join(directory, "README.md"), `${summary(outcome)}\n${drawn.join("\n\n")}\n`)
  writeFileSync(join(directory, "samples.csv.gz"), gzipSync(csv(outcome.series), { level: 9 }))
}
