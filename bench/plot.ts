/** `npm run bench:plots`: one picture a question, from what the last runs wrote to results/, into docs/plots/. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { bars, lines, type Point } from "./harness/svg.ts"

interface Row {
  readonly id: string
  readonly value: number
  readonly unit: string
  readonly baseline: number | null
  readonly ratio?: number | null
}

interface Curve {
  readonly id: string
  readonly unit: string
  readonly of: string
  readonly points: ReadonlyArray<{ readonly size: number; readonly value: number }>
}

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const read = (name: string): any => {
  const file = pathOf(`results/${name}.json`)
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined
}

const plots = pathOf("../docs/plots/")
const write = (name: string, svg: string): void => {
  mkdirSync(plots, { recursive: true })
  writeFileSync(`${plots}${name}.svg`, svg)
  process.stdout.write(`docs/plots/${name}.svg\n`)
}

const rates = new Set(["calls/s", "tasks/s"])
const pointsOf = ({ points }: Curve): ReadonlyArray<Point> => points.map(({ size, value }) => ({ x: size, y: value }))

const latest = read("latest")
if (latest !== undefined) {
  const rows = latest.rows as ReadonlyArray<Row>
  const beside = rows.filter(({ ratio, unit }) => rates.has(unit) && typeof ratio === "number")
  write(
    "stock",
    bars(
      "Rate over the stock cluster's, same run",
      "×",
      beside.map(({ id, ratio }) => ({ label: id, value: ratio! }))
    )
  )
  const latency = rows.filter(({ id, unit }) => unit === "ms" && !id.startsWith("dequeue"))
  write(
    "latency",
    bars(
      "Latency, Clawster and the stock cluster",
      "ms",
      latency.flatMap(({ baseline, id, value }) => [
        { label: id, value },
        ...(baseline === null ? [] : [{ label: "stock", value: baseline, isBaseline: true }])
      ])
    )
  )
  const runners = rows.filter(({ id }) => id.startsWith("runners-"))
  if (runners.length > 0) {
    const points = runners.map(({ id, value }) => ({ x: Number(id.slice("runners-".length)), y: value }))
    write(
      "runners",
      lines("Keyed calls a second by runners on two cores", "runners", "calls/s", [{ label: "keyed-call", points }])
    )
  }
}

const peers = read("peers")
if (peers !== undefined) {
  const rows = peers.rows as ReadonlyArray<{
    readonly peer: string
    readonly id: string
    readonly value: number
    readonly unit: string
  }>
  for (const id of new Set(rows.map((row) => row.id))) {
    const of = rows.filter((row) => row.id === id)
    write(
      `peers-${id}`,
      bars(
        `${id}, beside peers in one run`,
        of[0]!.unit,
        of.map(({ peer, value }) => ({
          label: peer,
          value,
          isBaseline: peer !== "clawster"
        }))
      )
    )
  }
}

const size = read("size")
if (size !== undefined) {
  const cases = Object.values(size.cases) as ReadonlyArray<{ readonly curves: ReadonlyArray<Curve> }>
  for (const curve of cases.flatMap(({ curves }) => curves)) {
    write(curve.id, lines(`${curve.id}`, curve.of, curve.unit, [{ label: curve.id, points: pointsOf(curve) }]))
  }
}
