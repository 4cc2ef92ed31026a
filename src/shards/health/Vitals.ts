/** What a runner measures of itself: open file descriptors, event-loop delay and resident memory. */
import { Effect, type Scope } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import process from "node:process"
import { type Descriptors, watchDescriptors } from "../../resources/Descriptors.ts"

export interface Vitals {
  /** File descriptors of this process; absent where the operating system does not report them. */
  readonly descriptors?: Descriptors
  /** 99th percentile of the event-loop delay since the last reading. */
  readonly lagMillis: number
  readonly rssBytes: number
}

const resolution = 20

/** Reading the resident set needs a descriptor as well; undefined when it fails. */
const residentSet = (): number | undefined => {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}

/** Returns the effect that takes a reading. It can be run any number of times, also when no descriptor is left. */
export const make: Effect.Effect<Effect.Effect<Vitals>, never, Scope.Scope> = Effect.gen(function* () {
  const descriptors = watchDescriptors()
  const delays = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  )
  let rssBytes = 0
  return Effect.sync((): Vitals => {
    const lag = delays.percentile(99) / 1e6 - resolution
    delays.reset()
    return {
      ...(descriptors === undefined ? {} : { descriptors: descriptors() }),
      lagMillis: Number.isFinite(lag) ? Math.max(0, Math.round(lag)) : 0,
      rssBytes: (rssBytes = residentSet() ?? rssBytes)
    }
  })
})
