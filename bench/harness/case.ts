/** What a benchmark case is, and how it sets itself beside its baseline. */
import { Effect, Layer, type Redacted, References, type Scope } from "effect"
import { median } from "./measure.ts"

export interface Row {
  readonly id: string
  readonly value: number
  readonly unit: "calls/s" | "tasks/s" | "decisions/s" | "ms" | "ms CPU/call" | "ms CPU/run-s"
  readonly baseline: number | null
  /** `value / baseline`. For milliseconds, less is better. */
  readonly ratio: number | null
  readonly note?: string
}

/** A row with each round's figure, for the table. */
export interface Measured extends Row {
  readonly values: ReadonlyArray<number>
  readonly baselines: ReadonlyArray<number>
}

export interface Bench {
  readonly rounds: number
  /** Of one measurement. */
  readonly seconds: number
  /** Factor on the number of tasks in cases that drain a backlog. */
  readonly scale: number
  readonly postgresPid: number
  /** An empty database on the run's server. */
  readonly database: (name: string) => Effect.Effect<Redacted.Redacted>
}

export interface Case {
  readonly ids: ReadonlyArray<string>
  readonly run: (bench: Bench) => Effect.Effect<ReadonlyArray<Measured>, never, Scope.Scope>
}

/** As runners are when no collector is configured. For the stock cluster too. */
export const withoutTracing = Layer.succeed(References.TracerEnabled, false)

/** A B A B …, so that both see the same machine. */
export const interleave = Effect.fnUntraced(function* <A, B, R>(
  { rounds }: Bench,
  clawster: (round: number) => Effect.Effect<A, never, R>,
  baseline: (round: number) => Effect.Effect<B, never, R>
) {
  const ours: Array<A> = []
  const theirs: Array<B> = []
  for (let round = 0; round < rounds; round++) {
    ours.push(yield* clawster(round))
    theirs.push(yield* baseline(round))
  }
  return { ours, theirs }
})

export const measured = (
  id: string,
  unit: Row["unit"],
  values: ReadonlyArray<number>,
  baselines: ReadonlyArray<number>,
  note?: string
): Measured => {
  const value = median(values)
  const baseline = baselines.length === 0 ? null : median(baselines)
  const ratio = baseline === null ? null : value / baseline
  return { id, value, unit, baseline, ratio, values, baselines, ...(note === undefined ? {} : { note }) }
}
