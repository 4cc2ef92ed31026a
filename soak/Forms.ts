/**
 * The two forms of a soak: hours with a sample a minute, and minutes with time-accelerated retention for every change
 * of the code.
 */
import type { Bound } from "./Slope.ts"

export interface Form {
  readonly seconds: number
  readonly sampleEvery: number
  /** Left out at the beginning of the run, and of each process's life. */
  readonly warmUp: number
  /** Of the run: slopes are fitted from here to its end. */
  readonly judgedFrom: number
  /** How long history, tasks, messages and keys are kept, and how often they are swept. */
  readonly kept: string
  readonly sweptEvery: string
  /** Milliseconds after which an idle actor leaves memory. */
  readonly passivateAfter: number
  readonly faultEvery: number
  readonly realGateways: number
  /** What happens this many times a second. */
  readonly rates: Rates
  readonly bounds: Bounds
  readonly postgres: Readonly<Record<string, string>>
}

export interface Rates {
  readonly task: number
  /** Tasks of bulk calls of 30. */
  readonly bulk: number
  readonly cancelled: number
  readonly scheduled: number
  readonly late: number
  readonly lane: number
  readonly session: number
  readonly instance: number
  readonly key: number
  readonly real: number
  readonly realTurn: number
  readonly read: number
}

const mebi = 1024 * 1024

type Bounds = ReadonlyArray<readonly [unit: RegExp, bound: Bound]>

/**
 * The first that fits a series' name is its bound. What fits none is told and not judged. `loose` multiplies what a
 * short run cannot tell from noise.
 */
const boundsOf = (loose: number): Bounds => [
  [/\.(descriptors|sockets)$/, { absolute: 6 * loose, relative: 0.05 * loose }],
  [/\.(threads|children)$/, { absolute: 3, relative: 0.1 }],
  [/\.resources\./, { absolute: 6 * loose, relative: 0.1 * loose }],
  [/\.heap after gc$/, { absolute: 8 * mebi * loose, relative: 0.1 * loose }],
  [/\.external$/, { absolute: 8 * mebi * loose, relative: 0.25 }],
  [/\.lag p99$/, { absolute: 0.05 * loose, relative: 0.5 * loose }],
  [/\.resident\./, { absolute: 40, relative: 0.1 * loose }],
  [/\.outbox$/, { absolute: 20, relative: 0.2 }],
  [/^table\..*\.rows$/, { absolute: 30 + 15 * loose, relative: 0.1 * loose }],
  [/^table\..*\.(bytes|index bytes)$/, { absolute: 2 * mebi * loose, relative: 0.15 * loose }],
  [/^table\..*\.dead rows$/, { absolute: 2_000 * loose, relative: 0.5 }],
  [/^store\.(database bytes|wal bytes)$/, { absolute: 32 * mebi, relative: 0.15 * loose }],
  [/^store\.connections$/, { absolute: 6, relative: 0.1 }],
  [/^work\.(unfinished|oldest unfinished)$/, { absolute: 30, relative: 0.5 }]
]

export const long = (seconds: number): Form => ({
  seconds,
  sampleEvery: 60,
  // The heap of a runner is still filling up for half an hour: compiled code, and what the simulated gateways keep.
  warmUp: Math.min(2_100, seconds / 3),
  judgedFrom: 0.5,
  kept: "5 minutes",
  sweptEvery: "20 seconds",
  passivateAfter: 120_000,
  faultEvery: 300,
  realGateways: 2,
  rates: {
    task: 8,
    bulk: 3,
    cancelled: 0.3,
    scheduled: 0.3,
    late: 0.1,
    lane: 0.2,
    session: 0.2,
    instance: 0.03,
    key: 0.1,
    real: 0.15,
    realTurn: 0.05,
    read: 0.5
  },
  bounds: [
    ...boundsOf(1),
    // Not in the short form: over minutes it shows how far a young process lets its heap grow, not what it keeps.
    [/^(runner-\d|gateway|soak)\.rss$/, { absolute: 16 * mebi, relative: 0.05 }],
    [/^disk\.gateways\..*\.bytes$/, { absolute: 8 * mebi, relative: 0.1 }],
    [/^disk\.gateways\..*\.files$/, { absolute: 30, relative: 0.1 }],
    [/^disk\.gateways\.count$/, { absolute: 1, relative: 0 }]
  ],
  postgres: {}
})

/**
 * Half of a few minutes is too short for slow growth to show: the rates of what ends and stays behind are higher, and
 * most bounds looser.
 */
export const short = (seconds: number): Form => ({
  seconds,
  sampleEvery: 5,
  warmUp: 20,
  judgedFrom: 0.5,
  kept: "15 seconds",
  sweptEvery: "3 seconds",
  passivateAfter: 10_000,
  faultEvery: 30,
  realGateways: 1,
  rates: {
    task: 6,
    bulk: 3,
    cancelled: 0.5,
    scheduled: 0.5,
    late: 0.2,
    lane: 1,
    session: 0.5,
    instance: 0.1,
    key: 1,
    real: 0.15,
    realTurn: 0.05,
    read: 1
  },
  bounds: [
    ...boundsOf(3),
    [/^disk\.gateways\..*\.bytes$/, { absolute: 48 * mebi, relative: 0.5 }],
    [/^disk\.gateways\..*\.files$/, { absolute: 200, relative: 0.5 }]
  ],
  postgres: { autovacuum_naptime: "5s" }
})

export const boundOf = ({ bounds }: Form, name: string): Bound | undefined =>
  bounds.find(([pattern]) => pattern.test(name))?.[1]
