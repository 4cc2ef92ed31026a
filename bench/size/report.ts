/** The tables of a size run for people, and its file for machines. */
import { readFileSync } from "node:fs"
import { align, type Circumstances, ended, figure as text, save } from "../harness/report.ts"
import type { Curve, Figure, Found } from "./case.ts"

const meets = ({ least = -Infinity, most = Infinity, value }: Figure): boolean => value >= least && value <= most

const bar = (figure: Figure): string => {
  const { least, most } = figure
  if (least === undefined && most === undefined) return ""
  return `${least === undefined ? `≤ ${text(most!)}` : `≥ ${text(least)}`} ${meets(figure) ? "yes" : "no"}`
}

const figuresTable = (figures: ReadonlyArray<Figure>): string =>
  align([
    ["id", "unit", "Clawster", "stock", "bar met", "note"],
    ...figures.map((figure) => [
      figure.id,
      figure.unit,
      text(figure.value),
      figure.baseline === undefined ? "–" : text(figure.baseline),
      bar(figure),
      figure.note ?? ""
    ])
  ])

const curvesTable = (curves: ReadonlyArray<Curve>): string =>
  align([
    ["curve", "size", "of", "unit", "value", "p99 ms"],
    ...curves.flatMap(({ id, of, points, unit }) =>
      points.map(({ p99Millis, size, value }) => [
        id,
        text(size),
        of,
        unit,
        text(value),
        p99Millis === undefined ? "–" : text(p99Millis)
      ])
    )
  ])

export const tables = ({ curves, figures }: Found): string =>
  [
    ...(figures.length === 0 ? [] : [figuresTable(figures)]),
    ...(curves.length === 0 ? [] : [curvesTable(curves)])
  ].join("\n\n")

const rounded = (value: number): number => Number(value.toPrecision(4))

const casesIn = (file: string): Readonly<Record<string, unknown>> => {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { readonly cases?: Record<string, unknown> }).cases ?? {}
  } catch {
    return {}
  }
}

/** Puts one case into the file, in the place of an older run of it. The other cases stay as they are. */
export const write = (
  file: string,
  id: string,
  began: Circumstances,
  { curves, figures }: Found,
  more: Readonly<Record<string, unknown>>
): void => {
  const found = {
    ...ended(began),
    ...more,
    rows: figures.map((figure) => ({
      ...figure,
      value: rounded(figure.value),
      baseline: figure.baseline === undefined ? null : rounded(figure.baseline),
      ...(bar(figure) === "" ? {} : { met: meets(figure) })
    })),
    curves: curves.map(({ points, ...curve }) => ({
      ...curve,
      points: points.map(({ p99Millis, size, value }) => ({
        size,
        value: rounded(value),
        ...(p99Millis === undefined ? {} : { p99Millis: rounded(p99Millis) })
      }))
    }))
  }
  save(file, { cases: { ...casesIn(file), [id]: found } })
}
