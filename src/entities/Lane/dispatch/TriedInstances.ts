/**
 * Which instances a task has tried in vain. The list goes with the task: from attempt to attempt, into the task's row
 * when the task leaves the lane's memory, and through a replay.
 */
import type { LaneEventOf } from "../../../schema/events/LaneEvents.ts"
import { failedOn, type Tried } from "../../../schema/runs/Tried.ts"
import type { RunningTask } from "../LaneState.ts"

/** With the instance of the attempt that runs now. */
export const triedWith = ({ backup, instanceId, tried }: RunningTask): Tried => failedOn(tried, instanceId, backup)

/** Whether the instance could not serve the attempt; it may only have been full. */
export const isInVain = ({ atFault, rerouted }: LaneEventOf<"task.requeued">): boolean =>
  rerouted !== undefined || atFault === true
