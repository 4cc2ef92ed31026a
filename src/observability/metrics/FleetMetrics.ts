/**
 * Gauges of the control plane, read periodically from the store: backlog, and health, circuit breaker and load of each
 * instance. Every process with this layer exports the same values, so a query must take their maximum, not their sum.
 *
 * `clawster_fleet_reading_age_seconds` is the age of each reading. After a failed reading its gauges keep their values
 * while these may still be true, and are withdrawn later, so that an outdated gauge is never exported without a sign.
 */
import { Clock, type Duration, Effect, Layer, Schedule } from "effect"
import type { BreakerState, InstanceHealth, InstanceStatus } from "../../schema/Instance.ts"
import type { TaskPhase } from "../../schema/Task.ts"
import { forget, record } from "./Metrics.ts"

export interface FleetSources<E, R> {
  readonly counts: Effect.Effect<Partial<Record<TaskPhase, number>>, E, R>
  readonly instances: Effect.Effect<ReadonlyArray<InstanceStatus>, E, R>
  /** 5 seconds when absent. */
  readonly interval?: Duration.Input
}

/** Values of an older reading are no longer exported. */
export const withdrawnAfterMillis = 60_000
/** Minimum interval between two warnings about the same reading. */
const warnEveryMillis = 60_000

const waitingPhases = ["pending", "scheduled", "retrying"] as const
const healthValue: Record<InstanceHealth, number> = { healthy: 1, degraded: 0.5, unhealthy: 0, unknown: 0 }
const breakerValue: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 }

interface InstanceLabels {
  readonly instance_id: string
  /** Series of `dedicated` instances are hidden from requests without a key (PublicMetrics.ts). */
  readonly tenancy: string
}

const labelsOf = ({ instanceId, tenancy }: InstanceStatus): InstanceLabels => ({
  instance_id: instanceId,
  tenancy: tenancy._tag
})

const recordInstance = (status: InstanceStatus): Effect.Effect<void> => {
  const { breaker, health, load } = status
  const labels = labelsOf(status)
  return Effect.all(
    [
      record("instance_health", healthValue[health], labels),
      record("clawster_breaker_state", breakerValue[breaker], labels),
      record("clawster_instance_running_tasks", load.runningTasks, labels)
    ],
    { discard: true }
  )
}

const forgetInstance = (labels: InstanceLabels): Effect.Effect<void> =>
  Effect.all(
    [
      forget("instance_health", labels),
      forget("clawster_breaker_state", labels),
      forget("clawster_instance_running_tasks", labels)
    ],
    { discard: true }
  )

/** One source: how to read and record it, and how to withdraw its recorded values. */
interface Reading<E, R> {
  readonly name: "tasks" | "instances"
  readonly read: Effect.Effect<void, E, R>
  readonly withdraw: Effect.Effect<void>
}

const tasksReading = <E, R>({ counts }: FleetSources<E, R>): Reading<E, R> => ({
  name: "tasks",
  read: Effect.flatMap(counts, (now) =>
    Effect.forEach(waitingPhases, (phase) => record("task_queue_depth", now[phase] ?? 0, { phase }), { discard: true })
  ),
  withdraw: Effect.forEach(waitingPhases, (phase) => forget("task_queue_depth", { phase }), { discard: true })
})

const instancesReading = <E, R>({ instances }: FleetSources<E, R>): Reading<E, R> => {
  const known = new Map<string, InstanceLabels>()
  const keep = (present: ReadonlyArray<InstanceStatus>) =>
    Effect.gen(function* () {
      const now = new Map(present.map((status) => [`${status.instanceId} ${status.tenancy._tag}`, labelsOf(status)]))
      for (const status of present) yield* recordInstance(status)
      for (const [key, labels] of known) if (!now.has(key)) yield* forgetInstance(labels)
      known.clear()
      for (const [key, labels] of now) known.set(key, labels)
    })
  return {
    name: "instances",
    read: Effect.flatMap(instances, (all) => keep(all.filter(({ phase }) => phase !== "destroyed"))),
    withdraw: Effect.suspend(() => keep([]))
  }
}

/** Reads periodically until its scope closes. */
const follow = <E, R>({ name, read, withdraw }: Reading<E, R>, interval: Duration.Input) =>
  Effect.gen(function* () {
    let readAt = yield* Clock.currentTimeMillis
    let warnedAt = Number.NEGATIVE_INFINITY
    let failures = 0
    const failed = (cause: unknown) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        failures++
        if (now - readAt >= withdrawnAfterMillis) yield* withdraw
        if (now - warnedAt < warnEveryMillis) return
        warnedAt = now
        yield* Effect.logWarning("The fleet's gauges are not up to date: a reading failed", cause).pipe(
          Effect.annotateLogs({ event: "fleet.reading_failed", reading: name, failures, age_ms: now - readAt })
        )
      })
    const once = read.pipe(
      Effect.andThen(Clock.currentTimeMillis),
      Effect.map((now) => {
        readAt = now
        failures = 0
      }),
      Effect.catchCause(failed),
      Effect.andThen(Effect.suspend(() => Clock.currentTimeMillis)),
      Effect.flatMap((now) => record("clawster_fleet_reading_age_seconds", (now - readAt) / 1_000, { reading: name }))
    )
    return yield* Effect.repeat(once, Schedule.spaced(interval))
  })

export const layer = <E, R>(sources: FleetSources<E, R>): Layer.Layer<never, never, R> =>
  Layer.effectDiscard(
    Effect.suspend(() => {
      const interval = sources.interval ?? "5 seconds"
      return Effect.andThen(
        Effect.forkScoped(follow(tasksReading(sources), interval)),
        Effect.forkScoped(follow(instancesReading(sources), interval))
      )
    })
  )
