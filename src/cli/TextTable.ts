/**
 * Text tables: columns are as wide as their content, numbers are aligned right, and a line is not wider than the screen
 * unless all columns are at their minimum width.
 */
import { CliOutput } from "effect/cli"
import { type Colour, paint, type Screen } from "./Terminal.ts"

export interface Column<A> {
  readonly title: string
  readonly value: (item: A) => string | number | undefined
  readonly colour?: (item: A) => Colour | undefined
}

const gap = "  "
const none = "-"
/** Minimum width to which a column is shortened. */
const narrowest = 12

const width = CliOutput.displayWidth

/** One line: runs of control characters and line separators are replaced by a blank. */
const flat = (value: string | number | undefined): string =>
  value === undefined || value === "" ? none : String(value).replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")

const cut = (text: string, most: number): string => {
  if (width(text) <= most) return text
  let kept = ""
  for (const character of text) {
    if (width(kept + character) > most - 1) break
    kept += character
  }
  return `${kept}…`
}

const pad = (text: string, to: number, isRight: boolean): string => {
  const blanks = " ".repeat(Math.max(0, to - width(text)))
  return isRight ? blanks + text : text + blanks
}

/** Reduces the widths to fit the screen. The widest column is shortened first, down to `narrowest`. */
const fit = (widths: ReadonlyArray<number>, columns: number): Array<number> => {
  const fitted = [...widths]
  let excess = fitted.reduce((sum, each) => sum + each, gap.length * (fitted.length - 1)) - columns
  while (excess > 0) {
    const widest = fitted.indexOf(Math.max(...fitted))
    const gives = Math.min(excess, fitted[widest]! - narrowest)
    if (!(gives > 0)) break
    fitted[widest]! -= gives
    excess -= gives
  }
  return fitted
}

export const table = <A>(columns: ReadonlyArray<Column<A>>, items: ReadonlyArray<A>, screen: Screen): string => {
  const cells = items.map((item) => columns.map(({ value }) => flat(value(item))))
  const isNumeric = columns.map(
    ({ value }) => items.length > 0 && items.every((item) => typeof value(item) === "number")
  )
  const widths = fit(
    columns.map(({ title }, at) => Math.max(width(title), ...cells.map((row) => width(row[at]!)))),
    screen.columns
  )
  const line = (row: ReadonlyArray<string>, colourOf: (at: number) => Colour | undefined) =>
    row
      .map((text, at) => paint(screen, colourOf(at), pad(cut(text, widths[at]!), widths[at]!, isNumeric[at]!)))
      .join(gap)
      .trimEnd()
  return [
    line(
      columns.map(({ title }) => title),
      () => "bold"
    ),
    ...cells.map((row, index) => line(row, (at) => columns[at]!.colour?.(items[index]!)))
  ].join("\n")
}

export type Field = readonly [name: string, value: string | number | undefined, colour?: Colour | undefined]

/** Prints one object, one line per field. Fields without a value are omitted. */
export const fields = (entries: ReadonlyArray<Field>, screen: Screen): string => {
  const known = entries.filter(([, value]) => value !== undefined && value !== "")
  const widest = Math.max(0, ...known.map(([name]) => width(name)))
  const indent = `\n${" ".repeat(widest + gap.length)}`
  return known
    .map(
      ([name, value, colour]) =>
        `${paint(screen, "dim", pad(name, widest, false))}${gap}${paint(screen, colour, String(value).trimEnd().replaceAll("\n", indent))}`
    )
    .join("\n")
}
