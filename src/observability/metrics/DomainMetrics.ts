/**
 * Counts committed events. The runner that owns the actor calls it once after each commit, so each event counts once in
 * the cluster, except for events of a commit whose runner died before it could count them.
 */
import { Effect } from "effect"
import type { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import type { LaneEvent } from "../../schema/events/LaneEvents.ts"
import type { SessionEvent } from "../../schema/events/SessionEvents.ts"
import { record } from "./Metrics.ts"

/** Events of the actors that have metrics. */
type Counted = InstanceEvent | LaneEvent | SessionEvent

const ended = (outcome: string) => record("tasks_total", 1, { outcome })

const turn = (outcome: string) => record("clawster_turns_total", 1, { outcome })

/** A run has ended at a gateway after so many milliseconds. */
export const runEnded = (millis: number, status: string): Effect.Effect<void> =>
  record("task_execution_time", millis / 1_000, { status })

const count = (event: Counted): Effect.Effect<void> | undefined => {
  switch (event._tag) {
    case "task.completed":
      return ended("completed")
    case "task.failed":
      return ended("failed")
    case "task.cancelled":
      return ended("cancelled")
    case "task.dead_lettered":
      return ended("dead_lettered")
    case "task.dropped":
      return ended("dropped")
    case "session.turn_completed":
      return turn("completed")
    case "session.turn_failed":
      return turn("failed")
    case "session.turn_aborted":
      return turn("aborted")
    case "run.ended":
      return runEnded(event.durationMillis, event.status)
    default:
      return undefined
  }
}

/** Events without a metric are ignored. */
export const committed = (events: ReadonlyArray<{ readonly _tag: string }>): Effect.Effect<void> => {
  const counts = events.flatMap((event) => count(event as Counted) ?? [])
  return counts.length === 0 ? Effect.void : Effect.all(counts, { discard: true })
}

/**
 * An instance was chosen for a task `millis` after the task had become ready to run (accepted, due, or due for a
 * retry).
 */
export const laneWaited = (millis: number): Effect.Effect<void> =>
  record("lane_wait_duration", Math.max(0, millis) / 1_000, {})
