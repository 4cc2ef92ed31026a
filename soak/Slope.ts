/**
 * Does a series grow? Its slope by Theil and Sen: the median of the slopes of all pairs, which neither a spike nor a
 * sawtooth moves. Only pairs of one life count: a process that was started again begins anew, and is left alone for a
 * while after each start.
 */
export interface Sample {
  /** Seconds since the run began. */
  readonly at: number
  readonly value: number
  /** The process that it was read from; absent where there is but one. */
  readonly life?: number
}

/** What a series may grow by within the window that is judged: the larger of the two. */
export interface Bound {
  readonly absolute: number
  /** Of the series' median. */
  readonly relative: number
}

export interface Fit {
  readonly samples: number
  readonly median: number
  readonly last: number
  readonly perHour: number
  /** By how much the fitted line rises within the window. */
  readonly growth: number
}

export interface Verdict extends Fit {
  readonly name: string
  readonly most: number | undefined
  readonly holds: boolean
}

/** Samples of the first part of the run, and of the first moments of each life, tell of starting, not of running. */
export interface Window {
  readonly from: number
  readonly until: number
  /** Seconds. */
  readonly warmUp: number
}

const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const settled = (series: ReadonlyArray<Sample>, { from, until, warmUp }: Window): ReadonlyArray<Sample> => {
  const born = new Map<number | undefined, number>()
  for (const { at, life } of series) if (!born.has(life)) born.set(life, at)
  const first = series[0]?.life
  return series.filter(
    ({ at, life }) => at >= from && at <= until && (life === first || at >= born.get(life)! + warmUp)
  )
}

/** Undefined when there are too few samples to say anything. */
export const fit = (series: ReadonlyArray<Sample>, window: Window): Fit | undefined => {
  const samples = settled(series, window)
  const slopes = samples.flatMap((a, n) =>
    samples.slice(n + 1).flatMap((b) => (a.life === b.life && b.at > a.at ? [(b.value - a.value) / (b.at - a.at)] : []))
  )
  if (samples.length < 6 || slopes.length < 10) return undefined
  const slope = medianOf(slopes)
  return {
    samples: samples.length,
    median: medianOf(samples.map(({ value }) => value)),
    last: samples.at(-1)!.value,
    perHour: slope * 3_600,
    growth: slope * (window.until - window.from)
  }
}

/** A series without a bound is reported and not judged. */
export const judge = (
  name: string,
  series: ReadonlyArray<Sample>,
  window: Window,
  bound: Bound | undefined
): Verdict | undefined => {
  const fitted = fit(series, window)
  if (fitted === undefined) return undefined
  const most = bound === undefined ? undefined : Math.max(bound.absolute, bound.relative * Math.abs(fitted.median))
  return { name, ...fitted, most, holds: most === undefined || fitted.growth <= most }
}
