/**
 * What an instance decides of attempts on slots of their origin: nothing that is stored. They go to the board of its
 * shell (RunBoard.ts), since their origin's state says already that they run here.
 */
import { HashMap } from "effect"
import { accept, type Decision, type Outgoing } from "../../../actor/Actor.ts"
import { tellTo } from "../../../actor/Send.ts"
import { RollCall } from "../../../rpc/slots/SlotRunRpcs.ts"
import type { ActorRef } from "../../../schema/ActorRef.ts"
import type { Attempt } from "../../../schema/runs/Attempt.ts"
import { type InstanceState, isRegistered } from "../InstanceState.ts"
import { withModel } from "../runs/RunCommands.ts"
import type { Refusal } from "../runs/RunTransitions.ts"
import * as SlotBook from "../slots/SlotBook.ts"

export interface Start {
  readonly _tag: "Start"
  readonly attempt: Attempt
  /** Of the instance, when it granted the slot. */
  readonly registration?: string
  readonly epoch: number
  readonly startedAt: number
  readonly entry?: number
}
export interface Stop {
  readonly _tag: "Stop"
  readonly origin: ActorRef
  readonly runKey: string
  readonly sessionKey: string
}
export interface Present {
  readonly _tag: "Present"
  readonly holder: ActorRef
  readonly epoch: number
  readonly entry: number
}
export type BoardNote = Start | Stop | Present

type Handing = Decision<never, void, never>

const hand = (note: BoardNote): Handing => ({ ...accept<never, void>([], undefined), hand: [note] })

export const startAttempt = (state: InstanceState, start: Omit<Start, "_tag">): Handing =>
  hand({ _tag: "Start", ...start, attempt: withModel(state, start.attempt) })

export const stopAttempt = (_: InstanceState, stop: Omit<Stop, "_tag">): Handing => hand({ _tag: "Stop", ...stop })

export const holderPresent = (_: InstanceState, present: Omit<Present, "_tag">): Handing =>
  hand({ _tag: "Present", ...present })

/** Why no start on this slot is taken; undefined when the present registration has granted it. */
export const voidSlot = (
  { record }: InstanceState,
  { registration }: Pick<Start, "registration">
): Refusal | undefined =>
  record?.registration === registration
    ? undefined
    : { reason: "the slot was granted by another registration of the instance", retryAfterMillis: 1_000 }

/** Asks everybody who holds slots what runs here. */
export const rollCalls = ({ record, slots }: InstanceState): ReadonlyArray<Outgoing> => {
  if (!isRegistered(record)) return []
  const { instanceId } = record.spec
  return HashMap.toEntries(slots.holders).flatMap(([key, { forOneRun, held, holder }]) => {
    if (forOneRun === true || held === 0) return []
    const isWanted = (state: InstanceState) => (SlotBook.holderOf(state.slots, key)?.held ?? 0) > 0
    return [tellTo(holder, RollCall, { instanceId }, isWanted)]
  })
}
