/**
 * What a lane tells instances of the attempts that run on its slots there. All of it follows from the lane's state, so
 * it is told again by the next owner, and to an instance that was loaded anew.
 */
import { HashMap } from "effect"
import { accept, type DecideContext, type Decision, type Outgoing, type RetellContext } from "../../../actor/Actor.ts"
import { tellTo } from "../../../actor/Send.ts"
import { HolderPresent, StartAttempt, StopAttempt } from "../../../rpc/slots/SlotRunRpcs.ts"
import type { InstanceId, Placement } from "../../../schema/Ids.ts"
import { attemptOf, sessionKeyOf } from "../dispatch/AttemptOf.ts"
import { instanceRef, laneRef } from "../LaneRefs.ts"
import { type LaneState, type RunningTask, runKeyOf, runningOf } from "../LaneState.ts"
import { leaseOf } from "./SlotLease.ts"

type Started = Pick<RunningTask, "task" | "attempt" | "instanceId" | "placement" | "startedAt">

/** `entry`: the journal entry that starts it; absent when it is told again. */
export const startTold = (state: LaneState, started: Started, epoch: number, entry?: number): Outgoing => {
  const { attempt, instanceId, placement, startedAt, task } = started
  const registration = leaseOf(state.slots, instanceId)?.registration
  const isWanted = (now: LaneState): boolean => {
    const running = runningOf(now, task.taskId)
    return running?.instanceId === instanceId && running.startedAt === startedAt && running.attempt === attempt
  }
  return tellTo(
    instanceRef(instanceId, placement),
    StartAttempt,
    {
      attempt: attemptOf(state, started, attempt),
      ...(registration === undefined ? {} : { registration }),
      epoch,
      startedAt,
      ...(entry === undefined ? {} : { entry })
    },
    isWanted
  )
}

interface Stopped {
  readonly instanceId: InstanceId
  readonly placement: Placement
  readonly runKey: string
  readonly sessionKey: string
}

const stop = (state: LaneState, { instanceId, placement, runKey, sessionKey }: Stopped): Outgoing => {
  const taskId = runKey.slice(0, runKey.lastIndexOf("."))
  const isWanted = (now: LaneState): boolean => {
    const running = runningOf(now, taskId)
    const isCancelled = running?.cancel !== undefined && runKeyOf(running) === runKey
    return isCancelled || HashMap.has(now.givenUp, runKey)
  }
  return tellTo(
    instanceRef(instanceId, placement),
    StopAttempt,
    { origin: laneRef(state), runKey, sessionKey },
    isWanted
  )
}

/** Tells the instance to end an attempt that was cancelled or given up. */
export const stopTold = (state: LaneState, running: RunningTask): Outgoing =>
  stop(state, { ...running, runKey: runKeyOf(running), sessionKey: sessionKeyOf(state.tenantId, running.task) })

/** Tells the instance that it knows of all attempts that were started up to this entry. */
export const presentTold = (
  state: LaneState,
  { instanceId, placement }: Pick<Stopped, "instanceId" | "placement">,
  { epoch, seq }: Pick<DecideContext, "epoch" | "seq">
): Outgoing =>
  tellTo(
    instanceRef(instanceId, placement),
    HolderPresent,
    { holder: laneRef(state), epoch, entry: seq - 1 },
    ({ slots }: LaneState) => leaseOf(slots, instanceId) !== undefined
  )

/** All that may run there, and last that this is all. */
const toldAgain = (
  state: LaneState,
  lease: Pick<Stopped, "instanceId" | "placement">,
  context: RetellContext
): ReadonlyArray<Outgoing> => {
  const { instanceId } = lease
  const running = HashMap.toValues(state.running).filter((one) => one.onSlot === true && one.instanceId === instanceId)
  const givenUp = HashMap.toEntries(state.givenUp).filter(([, one]) => one.instanceId === instanceId)
  return [
    ...running.map((one) => startTold(state, one, context.epoch)),
    ...running.filter(({ cancel }) => cancel !== undefined).map((one) => stopTold(state, one)),
    ...givenUp.map(([runKey, one]) => stop(state, { ...one, runKey })),
    presentTold(state, lease, context)
  ]
}

const leases = ({ slots }: LaneState): ReadonlyArray<Pick<Stopped, "instanceId" | "placement">> =>
  HashMap.toEntries(slots).map(([id, { placement }]) => ({ instanceId: id as InstanceId, placement }))

export const retells = (state: LaneState, context: RetellContext): ReadonlyArray<Outgoing> =>
  leases(state).flatMap((lease) => toldAgain(state, lease, context))

/** Answers an instance that was loaded. */
export const rollCall = (
  state: LaneState,
  { instanceId }: { readonly instanceId: InstanceId },
  context: DecideContext
): Decision<never, void, never> =>
  accept(
    [],
    undefined,
    leases(state)
      .filter((lease) => lease.instanceId === instanceId)
      .flatMap((lease) => toldAgain(state, lease, context))
  )
