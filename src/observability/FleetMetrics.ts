/**
 * The gauges of the control plane, read again and again from what the store says: backlog, and health, breaker and load of each instance. Every
 * process that runs it exports the same values, so a query takes their maximum, not their sum.
 */
import { type Duration, Effect, Layer, Schedule } from "effect"
import type { BreakerState, InstanceHealth, InstanceStatus } from "../schema/Instance.ts"
import type { TaskPhase } from "../schema/Task.ts"
import { forget, record } from "./Metrics.ts"

export interface FleetSources<E, R> {
  readonly counts: Effect.Effect<Partial<Record<TaskPhase, number>>, E, R>
  readonly instances: Effect.Effect<ReadonlyArray<InstanceStatus>, E, R>
  /** 5 seconds when absent. */
  readonly interval?: Duration.Input
}

const waitingPhases = ["pending", "scheduled", "retrying"] as const
const healthValue: Record<InstanceHealth, number> = { healthy: 1, degraded: 0.5, unhealthy: 0, unknown: 0 }
const breakerValue: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 }

const recordInstance = ({ breaker, health, instanceId, load }: InstanceStatus): Effect.Effect<void> => {
  const labels = { instance_id: instanceId }
  return Effect.all(
    [
      record("instance_health", healthValue[health], labels),
      record("clawster_breaker_state", breakerValue[breaker], labels),
      record("clawster_instance_running_tasks", load.runningTasks, labels)
    ],
    { discard: true }
  )
}

const forgetInstance = (instanceId: string): Effect.Effect<void> => {
  const labels = { instance_id: instanceId }
  return Effect.all(
    [
      forget("instance_health", labels),
      forget("clawster_breaker_state", labels),
      forget("clawster_instance_running_tasks", labels)
    ],
    { discard: true }
  )
}

/** One reading. `known` are the instances seen before; those that are gone or destroyed leave it. */
const read = <E, R>(sources: FleetSources<E, R>, known: Set<string>): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const counts = yield* sources.counts
    for (const phase of waitingPhases) yield* record("task_queue_depth", counts[phase] ?? 0, { phase })
    const present = (yield* sources.instances).filter(({ phase }) => phase !== "destroyed")
    for (const status of present) yield* recordInstance(status)
    const ids = new Set<string>(present.map(({ instanceId }) => instanceId))
    for (const id of known) if (!ids.has(id)) yield* forgetInstance(id)
    known.clear()
    for (const id of ids) known.add(id)
  })

/** While the store does not answer, the gauges keep their last values. */
export const layer = <E, R>(sources: FleetSources<E, R>): Layer.Layer<never, never, R> =>
  Layer.effectDiscard(
    Effect.suspend(() => {
      const known = new Set<string>()
      return read(sources, known).pipe(
        Effect.catchCause((cause) =>
          Effect.logDebug("The fleet could not be read; its gauges keep their values", cause)
        ),
        Effect.repeat(Schedule.spaced(sources.interval ?? "5 seconds")),
        Effect.forkScoped
      )
    })
  )
