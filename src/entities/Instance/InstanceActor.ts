/**
 * The Instance actor: lifecycle, health, slots and circuit breaker of one OpenClaw gateway. It is pure: its activities
 * name the side effects, and InstanceLayer.ts performs them.
 */
import { HashMap } from "effect"
import * as Actor from "../../actor/Actor.ts"
import { InstanceEvent } from "../../schema/events/InstanceEvents.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { Instance } from "../Instance.ts"
import * as Life from "./InstanceCommands.ts"
import { evolve } from "./InstanceEvolve.ts"
import { decideSignal, type InstanceSignal, isSupervised } from "./InstanceSignals.ts"
import { initial, type InstanceRecord, InstanceState, isEnded, secretTenant } from "./InstanceState.ts"
import { viewOf } from "./InstanceView.ts"
import { onTimer, timers } from "./InstanceTimers.ts"
import * as Runs from "./runs/RunCommands.ts"
import { type BoardMode, boardMode } from "./board/BoardMode.ts"
import { holderPresent, rollCalls, startAttempt, stopAttempt } from "./board/BoardDecisions.ts"
import { settling, slotRetells, slotSends, slotsAsked, slotsReturned } from "./slots/SlotTransitions.ts"
import { update } from "./UpdateCommand.ts"

export type InstanceActivity =
  | { readonly _tag: "Supervise" | "Stop" | "CleanUp" | "Erase"; readonly key: string; readonly start: number }
  | { readonly _tag: "Board"; readonly key: string; readonly mode: BoardMode }
  | { readonly _tag: "Run" | "Abort"; readonly key: string; readonly runId: string }
  | { readonly _tag: "Steer"; readonly key: string; readonly runId: string; readonly steerKey: string }

const ofLife = (record: InstanceRecord): InstanceActivity | undefined => {
  const { start } = record
  if (isSupervised(record)) return { _tag: "Supervise", key: `supervise:${start}`, start }
  if (record.drain === "stopping") return { _tag: "Stop", key: `stop:${start}`, start }
  if (record.phase === "destroyed" && record.erased !== true) {
    return { _tag: "Erase", key: `erase:${record.registration ?? ""}`, start }
  }
  return record.phase === "failed" ? { _tag: "CleanUp", key: `cleanup:${start}`, start } : undefined
}

const known = new WeakMap<InstanceState, ReadonlyArray<InstanceActivity>>()

const activities = (state: InstanceState): ReadonlyArray<InstanceActivity> => {
  const before = known.get(state)
  if (before !== undefined) return before
  const life = state.record === undefined ? undefined : ofLife(state.record)
  const mode = boardMode(state)
  const wanted: Array<InstanceActivity> = life === undefined ? [] : [life]
  if (mode !== undefined) wanted.push({ _tag: "Board", key: `board:${mode}`, mode })
  for (const { abort, runId, steerings } of HashMap.values(state.runs)) {
    if (abort === undefined) wanted.push({ _tag: "Run", key: `run:${runId}`, runId })
    else wanted.push({ _tag: "Abort", key: `abort:${runId}`, runId })
    for (const { steerKey } of steerings) {
      wanted.push({ _tag: "Steer", key: `steer:${runId}+${steerKey}`, runId, steerKey })
    }
  }
  known.set(state, wanted)
  return wanted
}

export const InstanceActor = Actor.define<InstanceState, InstanceEvent, InstanceSignal, InstanceActivity>()({
  entity: Instance,
  state: InstanceState,
  event: InstanceEvent,
  stateVersion: 1,
  initial: () => initial,
  evolve,
  commands: {
    Register: settling(Life.register),
    Update: settling(update),
    Start: settling(Life.start),
    Stop: settling(Life.stop),
    Drain: settling(Life.drain),
    Deregister: settling(Life.deregister),
    InstanceGet: Life.get,
    Execute: settling(Runs.execute),
    AbortAttempt: settling(Runs.abortAttempt),
    Steer: settling(Runs.steer),
    SlotsAsked: settling(slotsAsked),
    SlotsReturned: settling(slotsReturned),
    StartAttempt: startAttempt,
    StopAttempt: stopAttempt,
    HolderPresent: holderPresent
  },
  signal: settling(decideSignal),
  timers,
  onTimer: settling(onTimer),
  sends: slotSends,
  retells: (state) => [...slotRetells(state), ...rollCalls(state)],
  activities,
  view: { schema: InstanceStatus, of: viewOf },
  isEnded,
  secretTenant,
  snapshotEvery: 1_024
})
