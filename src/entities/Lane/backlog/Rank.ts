/**
 * The order of a lane: lower rank first, ties by task id.
 *
 * Linear ageing (one step of priority for each `ageingMillis` waited) raises every waiting task at the same speed, so
 * it never changes the order of two waiting tasks. It is the same as a head start of `weight * ageingMillis`, fixed
 * when the task arrives. A rank is therefore written once, and a row is never ranked again. A task is overtaken only by
 * tasks that arrive less than `3 * ageingMillis` after it, so no task starves (I7). With `ageingMillis` 0 the order is
 * the order of arrival.
 */
import type { Priority } from "../../../schema/Task.ts"

const weights: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2, critical: 3 }

/** `since`: Unix milliseconds from which the task may run. */
export const rankOf = (priority: Priority, since: number, ageingMillis: number): number =>
  since - weights[priority] * ageingMillis

/** A place in an order of tasks: by `order`, then by task id. */
export interface Place {
  readonly order: number
  readonly taskId: string
}

export const comparePlaces = (left: Place, right: Place): number => {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1
  return left.taskId < right.taskId ? -1 : left.taskId > right.taskId ? 1 : 0
}

/** Sorts before every possible task. */
export const firstPlace: Place = { order: Number.MIN_SAFE_INTEGER, taskId: "" }
