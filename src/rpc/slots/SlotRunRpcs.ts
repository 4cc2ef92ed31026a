/**
 * The messages about attempts that run on slots of their origin (a Lane), between it and the Instance. They are told
 * and not stored: the origin's state says which attempts run where, and it says so again after each failure. An
 * instance that has been loaded asks for that (`RollCall`), and begins nothing new for an origin before it has heard of
 * what may run already (`HolderPresent`). The ends are told as well (`AttemptEnded`, `AttemptRefused`).
 */
import { Schema } from "effect"
import { command } from "../../actor/Protocol.ts"
import { ActorRef } from "../../schema/ActorRef.ts"
import { InstanceId } from "../../schema/Ids.ts"
import { Attempt } from "../../schema/runs/Attempt.ts"

/** To the Instance: run the attempt, which the origin has started on one of its slots. */
export const StartAttempt = command("StartAttempt", {
  payload: {
    attempt: Attempt,
    /** Registration of the instance that granted the slot. A start on a slot of an earlier one is refused. */
    registration: Schema.optionalKey(Schema.String),
    /** Epoch of the origin. */
    epoch: Schema.Int,
    /** Unix milliseconds: it tells this start from an earlier one with the same run key, which was refused. */
    startedAt: Schema.Finite,
    /** Number of the origin's journal entry that started it. Absent when it is told again by a later owner. */
    entry: Schema.optionalKey(Schema.Int)
  }
})
/** To the Instance: end the attempt, also at the gateway, and say when it is over, even if it was not known here. */
export const StopAttempt = command("StopAttempt", {
  payload: { origin: ActorRef, runKey: Schema.NonEmptyString, sessionKey: Schema.NonEmptyString }
})
/** To the Instance: all attempts of this holder that may run there, started up to this entry, were told again. */
export const HolderPresent = command("HolderPresent", {
  payload: { holder: ActorRef, epoch: Schema.Int, entry: Schema.Int }
})
/** To a holder of slots: the instance was loaded, and wants to be told again what runs there. */
export const RollCall = command("RollCall", { payload: { instanceId: InstanceId } })
