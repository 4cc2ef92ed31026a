/** Two kinds of plots as SVG text, readable on a light and on a dark page. */

export interface Bar {
  readonly label: string
  readonly value: number
  readonly isBaseline?: boolean
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Series {
  readonly label: string
  readonly points: ReadonlyArray<Point>
}

const width = 720
const ours = "#2f7ed8"
const theirs = "#9aa5b1"
const ink = "#6b7480"

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
const figure = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)))

const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`

const page = (height: number, title: string, parts: ReadonlyArray<string>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${ink}" role="img">`,
    `<title>${escape(title)}</title>`,
    text(8, 20, title, `font-size="15" font-weight="600"`),
    ...parts,
    "</svg>",
    ""
  ].join("\n")

/** One bar a line, from zero. */
export const bars = (title: string, unit: string, rows: ReadonlyArray<Bar>): string => {
  const [left, step, top] = [190, 24, 40]
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE)
  const scale = (width - left - 110) / most
  return page(
    top + rows.length * step + 8,
    title,
    rows.flatMap(({ isBaseline = false, label, value }, n) => {
      const y = top + n * step
      const length = Math.max(1, value * scale)
      return [
        text(left - 8, y + 13, label, `text-anchor="end"`),
        `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="16" rx="2" fill="${isBaseline ? theirs : ours}"/>`,
        text(left + length + 6, y + 13, `${figure(value)} ${unit}`)
      ]
    })
  )
}

const decades = (points: ReadonlyArray<Point>): boolean => {
  const xs = points.map(({ x }) => x).filter((x) => x > 0)
  return xs.length > 1 && Math.max(...xs) / Math.min(...xs) >= 50
}

/** A line a series, from zero; x by decades where it spans them, unless it is a time. */
export const lines = (
  title: string,
  xLabel: string,
  yLabel: string,
  series: ReadonlyArray<Series>,
  isTime = false
): string => {
  const [left, right, top, bottom] = [70, width - 24, 44, 250]
  const all = series.flatMap(({ points }) => points)
  const logarithmic = !isTime && decades(all)
  const place = (x: number) => (logarithmic ? Math.log10(Math.max(x, 1)) : x)
  const [least, greatest] = [Math.min(...all.map(({ x }) => place(x))), Math.max(...all.map(({ x }) => place(x)))]
  const most = Math.max(...all.map(({ y }) => y), Number.MIN_VALUE)
  const xOf = (x: number) => left + ((place(x) - least) / (greatest - least || 1)) * (right - left)
  const yOf = (y: number) => bottom - (y / most) * (bottom - top)
  const xs = [...new Set(all.map(({ x }) => x))].toSorted((a, b) => a - b)
  const every = Math.ceil(xs.length / 8)
  const grid = [0, 0.5, 1].flatMap((part) => [
    `<line x1="${left}" x2="${right}" y1="${yOf(part * most)}" y2="${yOf(part * most)}" stroke="${theirs}" stroke-opacity="0.4"/>`,
    text(left - 8, yOf(part * most) + 4, figure(part * most), `text-anchor="end"`)
  ])
  const ticks = xs
    .filter((_, n) => n % every === 0)
    .map((x) => text(xOf(x), bottom + 18, figure(x), `text-anchor="middle"`))
  const drawn = series.flatMap(({ label, points }, n) => {
    const colour = n === 0 ? ours : theirs
    const path = points.map(({ x, y }) => `${xOf(x).toFixed(1)},${yOf(y).toFixed(1)}`).join(" ")
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"><title>${escape(label)}</title></polyline>`,
      ...(isTime ? [] : points).map(
        ({ x, y }) => `<circle cx="${xOf(x).toFixed(1)}" cy="${yOf(y).toFixed(1)}" r="3" fill="${colour}"/>`
      )
    ]
  })
  return page(bottom + 44, title, [
    ...grid,
    ...ticks,
    text((left + right) / 2, bottom + 38, xLabel, `text-anchor="middle"`),
    text(left, top - 8, yLabel),
    ...drawn
  ])
}
