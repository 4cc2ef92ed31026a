/**
 * Gives up attempts on lost instances (routing/LostInstances.ts): the task returns to its place in the backlog and is
 * retried elsewhere. The retry has the next attempt number, so that late reports of the lost attempt are not taken for
 * the new one's. The tools of the lost attempt may have acted; the instance is asked to abort it, should its machine
 * come back.
 *
 * An attempt is given up only when another instance may take its task, or when its time is over: until then the lost
 * instance may come back and finish it. One whose slot is void is given up in any case. Giving up does not count
 * against the retry budget, at most `reroutesMost` times per task.
 */
import { HashMap } from "effect"
import type { DecideContext, Decision } from "../../../actor/Actor.ts"
import type { LaneEvent } from "../../../schema/events/LaneEvents.ts"
import type { InstanceId, TaskId } from "../../../schema/Ids.ts"
import type { InstanceStatus } from "../../../schema/Instance.ts"
import { failsOn } from "../../routing/LostInstances.ts"
import { hasAlternative } from "../../routing/Alternatives.ts"
import { abort, attemptLost } from "./Attempts.ts"
import { requestOf, wishOf } from "./RouteRequests.ts"
import { draft } from "../LaneEvolve.ts"
import { type LaneState, type RunningTask, runningOf } from "../LaneState.ts"

export interface GiveUp {
  readonly _tag: "GiveUp"
  readonly attempts: ReadonlyArray<{
    readonly taskId: TaskId
    readonly attempt: number
    readonly instanceId: InstanceId
    readonly reason: string
    /** The task fails for good: its instance is not to have its work tried elsewhere. */
    readonly fails?: boolean
  }>
}

/** Machines that one task may lose before the task itself counts as the cause. */
export const reroutesMost = 5
/** Maximum attempts given up in one commit. */
const attemptsMost = 512
/** Added to an attempt's own timeout. The sum is well before the lane would count the attempt as lost (Attempts.ts). */
const overdueMillis = 5_000
const isOverdue = ({ startedAt, task }: RunningTask, now: number): boolean =>
  now >= startedAt + task.timeoutMillis + overdueMillis

export interface Stranded extends RunningTask {
  readonly reason: string
}

const voidReason = "the slot that it was started on is void"

/** What `stranded` asks about an instance. */
export interface Losses {
  readonly reasonOf: (instanceId: InstanceId) => string | undefined
  /** Milliseconds after which nothing runs there any more that nobody keeps. */
  readonly waitMillisOf: (instanceId: InstanceId) => number
}

/** Unix milliseconds from which the attempt is stranded on a void slot; Infinity when it is not on one. */
const voidUntil = ({ cancel, instanceId, voidAt }: RunningTask, losses: Losses): number =>
  voidAt === undefined || cancel !== undefined ? Infinity : voidAt + losses.waitMillisOf(instanceId)

/** Unix milliseconds at which the first attempt on a void slot is stranded; Infinity when there is none. */
export const nextVoid = ({ running }: LaneState, losses: Losses): number =>
  HashMap.reduce(running, Infinity, (least, attempt) => Math.min(least, voidUntil(attempt, losses)))

/**
 * Attempts that run on lost instances, and those whose slots became void: whoever granted them is no longer there to
 * say how they ended. A cancelled attempt is ended by its own timer.
 */
export const stranded = ({ running }: LaneState, losses: Losses, now: number): ReadonlyArray<Stranded> => {
  const found: Array<Stranded> = []
  for (const attempt of HashMap.values(running)) {
    if (attempt.cancel !== undefined) continue
    const isVoid = voidUntil(attempt, losses) <= now
    const reason = isVoid ? voidReason : losses.reasonOf(attempt.instanceId)
    if (reason !== undefined) found.push({ ...attempt, reason })
  }
  return found
}

/** The stranded attempts to give up now. */
export const plan = (
  state: LaneState,
  lost: ReadonlyArray<Stranded>,
  fleet: ReadonlyArray<InstanceStatus>,
  now: number
): GiveUp => {
  const known = new Map<string, boolean>()
  const mayGo = (attempt: Stranded): boolean => {
    const wish = wishOf(attempt.task)
    const may = known.get(wish) ?? hasAlternative(requestOf(state, attempt), fleet, now)
    known.set(wish, may)
    return may
  }
  const attempts = lost
    .map((attempt) => ({ ...attempt, fails: failsOn(fleet, attempt.instanceId) }))
    .filter((attempt) => attempt.fails || attempt.reason === voidReason || isOverdue(attempt, now) || mayGo(attempt))
    .slice(0, attemptsMost)
  return {
    _tag: "GiveUp",
    attempts: attempts.map(({ attempt, fails, instanceId, reason, task: { taskId } }) => ({
      taskId,
      attempt,
      instanceId,
      reason,
      ...(fails ? { fails } : {})
    }))
  }
}

export const giveUp = (state: LaneState, signal: GiveUp, { now }: DecideContext): Decision<LaneEvent, void, never> => {
  const change = draft(state)
  for (const { attempt, fails = false, instanceId, reason, taskId } of signal.attempts) {
    const running = runningOf(change.state, taskId)
    const isThat = running?.attempt === attempt && running.instanceId === instanceId && running.cancel === undefined
    if (!isThat) continue
    change.send(abort(state, running))
    const message = `given up on ${instanceId}: ${reason}`
    const event = fails ? attemptLost(state, running, message, now, false) : rerouted(state, running, message, now)
    change.emit({ ...event, givenUp: true } as LaneEvent)
  }
  return change.accept(undefined)
}

const rerouted = (state: LaneState, running: RunningTask, reason: string, now: number): LaneEvent => {
  const times = (running.reroutes ?? 0) + 1
  if (times > reroutesMost) return attemptLost(state, running, reason, now)
  const { lane, tenantId } = state
  const { attempt, instanceId, maxAttempts, task } = running
  return {
    _tag: "task.requeued",
    tenantId,
    lane,
    at: now,
    taskId: task.taskId,
    attempt,
    instanceId,
    reason,
    busyUntil: now,
    rerouted: { maxAttempts: maxAttempts + 1, times }
  }
}
