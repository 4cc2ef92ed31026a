/** How load is put on and what is read off it. Latencies are milliseconds. */
import { Effect, Fiber } from "effect"

export interface Load {
  readonly calls: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

export const quantile = (sorted: Float64Array, part: number): number =>
  sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!

export const quantiles = (samples: ReadonlyArray<number>) => {
  const sorted = Float64Array.from(samples).sort()
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const loadOf = (samples: ReadonlyArray<number>, startedAt: number): Load => {
  const seconds = (performance.now() - startedAt) / 1_000
  return { calls: samples.length, seconds, perSecond: samples.length / seconds, ...quantiles(samples) }
}

export const perSecond = (loads: ReadonlyArray<Load>) => loads.map((load) => load.perSecond)

export const latencyNote = (loads: ReadonlyArray<Load>): string =>
  `p50 ${median(loads.map(({ p50 }) => p50)).toFixed(1)} ms, p99 ${median(loads.map(({ p99 }) => p99)).toFixed(1)} ms`

/** `inFlight` callers, each awaiting its answer before its next call, until `next` gives no more. */
const callers = <E, R>(
  inFlight: number,
  next: () => number | undefined,
  call: (n: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<Load, E, R> =>
  Effect.suspend(() => {
    const samples: Array<number> = []
    const startedAt = performance.now()
    const caller = Effect.gen(function* () {
      for (let n = next(); n !== undefined; n = next()) {
        const sentAt = performance.now()
        yield* call(n)
        samples.push(performance.now() - sentAt)
      }
    })
    return Effect.all(
      Array.from({ length: inFlight }, () => caller),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.map(() => loadOf(samples, startedAt)))
  })

/** Closed loop for a time. Calls under way at its end are waited for and counted. */
export const forSeconds = <E, R>(
  options: { readonly inFlight: number; readonly seconds: number },
  call: (n: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<Load, E, R> =>
  Effect.suspend(() => {
    const until = performance.now() + options.seconds * 1_000
    let n = 0
    return callers(options.inFlight, () => (performance.now() < until ? n++ : undefined), call)
  })

/** Closed loop for a number of calls. */
export const forCalls = <E, R>(
  options: { readonly inFlight: number; readonly calls: number },
  call: (n: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<Load, E, R> =>
  Effect.suspend(() => {
    let n = 0
    return callers(options.inFlight, () => (n < options.calls ? n++ : undefined), call)
  })

/** Open loop: calls leave at their time whatever becomes of earlier ones, and latency counts from that time. */
export const atRate = <E, R>(
  options: { readonly perSecond: number; readonly seconds: number },
  call: (n: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<Load, E, R> =>
  Effect.gen(function* () {
    const samples: Array<number> = []
    const fibers = new Set<Fiber.Fiber<unknown, E>>()
    const total = options.perSecond * options.seconds
    const startedAt = performance.now()
    const dueAt = (n: number) => startedAt + (n * 1_000) / options.perSecond
    for (let n = 0; n < total;) {
      for (; n < total && dueAt(n) <= performance.now(); n++) {
        const due = dueAt(n)
        const one = Effect.tap(call(n), () => Effect.sync(() => samples.push(performance.now() - due)))
        fibers.add(yield* Effect.forkChild(one))
      }
      yield* Effect.sleep(1)
      for (const fiber of fibers) if (fiber.pollUnsafe() !== undefined) fibers.delete(fiber)
    }
    yield* Fiber.joinAll(fibers)
    return loadOf(samples, startedAt)
  })
