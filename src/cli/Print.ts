/** Prints results to standard output: as JSON when requested, otherwise as text. */
import { Clock, Console, Effect } from "effect"
import { instantText } from "../schema/text/Bounds.ts"
import type { Colour, Screen as ScreenFacts } from "./Terminal.ts"
import { Screen } from "./Terminal.ts"
import { Json } from "./GlobalFlags.ts"
import { type Column, type Field, fields, table } from "./TextTable.ts"

export interface View {
  readonly screen: ScreenFacts
  /** Unix milliseconds, for computing ages. */
  readonly now: number
}

/** Prints the value as JSON, or the text that `human` returns for it. */
export const show = Effect.fnUntraced(function* <A>(value: A, human: (value: A, view: View) => string) {
  if (yield* Json) return yield* Console.log(JSON.stringify(value, null, 2))
  yield* Console.log(human(value, { screen: yield* Screen, now: yield* Clock.currentTimeMillis }))
})

/** Prints a page as a table, and the option that continues after it. */
export const showPage = Effect.fnUntraced(function* <A>(
  page: { readonly items: ReadonlyArray<A>; readonly next?: string },
  noun: string,
  columns: (view: View) => ReadonlyArray<Column<A>>
) {
  yield* show(page, ({ items, next }, view) =>
    items.length === 0
      ? `no ${noun}`
      : table(columns(view), items, view.screen) + (next === undefined ? "" : `\nmore: --after ${next}`)
  )
})

export const showFields = <A>(value: A, entries: (value: A, view: View) => ReadonlyArray<Field>) =>
  show(value, (shown, view) => fields(entries(shown, view), view.screen))

export const time = (millis: number | undefined): string | undefined =>
  millis === undefined ? undefined : instantText(millis).replace("T", " ").slice(0, 19)

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"]
] as const

/** `3.2s`, `4m10s`, `2d3h`: at most two units. */
export const span = (millis: number | undefined): string | undefined => {
  if (millis === undefined) return undefined
  if (millis < 1_000) return `${Math.round(millis)}ms`
  if (millis < 10_000) return `${(millis / 1_000).toFixed(1)}s`
  const first = units.findIndex(([size]) => millis >= size)
  const [size, name] = units[first]!
  const [restSize, restName] = units[first + 1] ?? [1, ""]
  const rest = Math.floor((millis % size) / restSize)
  return `${Math.floor(millis / size)}${name}${restName === "" || rest === 0 ? "" : `${rest}${restName}`}`
}

export const age = (at: number | undefined, now: number): string | undefined =>
  at === undefined ? undefined : span(Math.max(0, now - at))

export const bytes = (count: number | undefined): string | undefined =>
  count === undefined
    ? undefined
    : count < 1_048_576
      ? `${Math.ceil(count / 1_024)} KiB`
      : `${(count / 1_048_576).toFixed(1)} MiB`

const colours: Record<string, Colour> = {
  completed: "green",
  healthy: "green",
  ok: "green",
  open: "green",
  warm: "green",
  running: "cyan",
  active: "cyan",
  claimed: "cyan",
  pending: "yellow",
  queued: "yellow",
  scheduled: "yellow",
  retrying: "yellow",
  degraded: "yellow",
  saturated: "yellow",
  draining: "yellow",
  provisioning: "yellow",
  warming: "yellow",
  failed: "red",
  dead_lettered: "red",
  unhealthy: "red",
  unknown: "red",
  serving: "green",
  late: "yellow",
  failing: "red",
  gone: "red",
  down: "red",
  aborted: "dim",
  cancelled: "dim",
  closed: "dim",
  stopped: "dim",
  destroyed: "dim"
}

/** Phases, healths and other states have the same colour in every output. */
export const colourOf = (phase: string): Colour | undefined => colours[phase]
