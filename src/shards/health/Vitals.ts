/** What a runner measures of itself: whether it has descriptors left, and whether its event loop turns. */
import { Effect, type Scope } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import process from "node:process"

export interface Vitals {
  /** Absent where the system does not tell. */
  readonly descriptors?: { readonly open: number; readonly most: number }
  /** 99th percentile since the last reading. */
  readonly lagMillis: number
  readonly rssBytes: number
}

const resolution = 20

const mostDescriptors = (): number | undefined => {
  try {
    const most = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    return most === undefined ? undefined : Number(most)
  } catch {
    return undefined
  }
}

/** To look takes a descriptor, too: when there is none, all are used. */
const openDescriptors = (most: number): number => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === "EMFILE" || code === "ENFILE" ? most : 0
  }
}

/** To ask takes a descriptor as well. */
const residentSet = (): number | undefined => {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}

/** Reads them, as often as wanted, also when no descriptor is left. */
export const make: Effect.Effect<Effect.Effect<Vitals>, never, Scope.Scope> = Effect.gen(function* () {
  const most = mostDescriptors()
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
      ...(most === undefined ? {} : { descriptors: { open: openDescriptors(most), most } }),
      lagMillis: Number.isFinite(lag) ? Math.max(0, Math.round(lag)) : 0,
      rssBytes: (rssBytes = residentSet() ?? rssBytes)
    }
  })
})
