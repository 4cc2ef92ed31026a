/**
 * Resources used by this process: descriptors, memory, processor time, event loop lag, and the resources that keep the
 * event loop alive. Read every five seconds. The names are those of Prometheus clients for Node, so that existing
 * dashboards work.
 */
import { Duration, Effect, Layer, type Scope } from "effect"
import {
  constants,
  monitorEventLoopDelay,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver
} from "node:perf_hooks"
import process from "node:process"
import { watchDescriptors } from "../../resources/Descriptors.ts"
import { record } from "./Metrics.ts"

const readEvery = Duration.seconds(5)
/** Interval in milliseconds at which the event loop's lag is sampled; each sample costs one timer. */
const lagResolution = 20

const countByType = (types: ReadonlyArray<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1)
  return counts
}

const kindOf = (entry: PerformanceEntry): unknown =>
  "detail" in entry ? (entry.detail as NodeGCPerformanceDetail).kind : undefined

/** The heap size after each major collection, which reveals leaks; in between, most of the heap in use is garbage. */
const heapAfterGc: Effect.Effect<() => number | undefined, never, Scope.Scope> = Effect.gen(function* () {
  let used: number | undefined
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const observer = new PerformanceObserver((list) => {
        const isMajor = list.getEntries().some((entry) => kindOf(entry) === constants.NODE_PERFORMANCE_GC_MAJOR)
        if (isMajor) used = process.memoryUsage().heapUsed
      })
      observer.observe({ entryTypes: ["gc"] })
      return observer
    }),
    (observer) => Effect.sync(() => observer.disconnect())
  )
  return () => used
})

const lag = Effect.acquireRelease(
  Effect.sync(() => {
    const histogram = monitorEventLoopDelay({ resolution: lagResolution })
    histogram.enable()
    return histogram
  }),
  (histogram) => Effect.sync(() => histogram.disable())
)

const make = Effect.gen(function* () {
  const afterGc = yield* heapAfterGc
  const delays = yield* lag
  const descriptors = watchDescriptors()
  let processorBefore = 0
  let typesBefore: ReadonlyArray<string> = []

  const readProcess = Effect.gen(function* () {
    const counted = descriptors?.()
    if (counted !== undefined) {
      yield* record("process_open_fds", counted.open, {})
      yield* record("process_max_fds", counted.most, {})
    }
    const { user, system } = process.cpuUsage()
    const processor = (user + system) / 1e6
    yield* record("process_cpu_seconds_total", processor - processorBefore, {})
    processorBefore = processor
  })

  const readMemory = Effect.gen(function* () {
    const { external, heapUsed, rss } = process.memoryUsage()
    const settled = afterGc()
    yield* record("process_resident_memory_bytes", rss, {})
    yield* record("nodejs_heap_size_used_bytes", heapUsed, {})
    yield* record("nodejs_external_memory_bytes", external, {})
    if (settled !== undefined) yield* record("nodejs_heap_after_gc_bytes", settled, {})
  })

  const readLoop = Effect.gen(function* () {
    const delay = Math.max(0, delays.percentile(99) / 1e9 - lagResolution / 1e3)
    yield* record("nodejs_eventloop_lag_p99_seconds", Number.isFinite(delay) ? delay : 0, {})
    delays.reset()
    const counts = countByType(process.getActiveResourcesInfo())
    for (const type of typesBefore) if (!counts.has(type)) counts.set(type, 0)
    for (const [type, count] of counts) yield* record("nodejs_active_resources", count, { type })
    typesBefore = [...counts.keys()]
  })

  const read = Effect.all([readProcess, readMemory, readLoop], { discard: true })
  yield* read
  yield* Effect.delay(read, readEvery).pipe(Effect.forever, Effect.forkScoped)
})

export const layer = Layer.effectDiscard(make)
