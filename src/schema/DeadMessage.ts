/** A message between actors that its receiver could not process. */
import { Schema } from "effect"

/**
 * `unknown`: the receiver has no such command. `threw`: its code, or the decoding of the payload, threw. `refused`: it
 * answered with an error, changed nothing and sent nothing, so that nobody would learn of it. `unstorable`: the store
 * refused what the command would write.
 */
export const DeadReason = Schema.Literals(["unknown", "threw", "refused", "unstorable"])
export type DeadReason = typeof DeadReason.Type

export const DeadMessage = Schema.Struct({
  /** Names the message among the dead ones. */
  number: Schema.Int,
  /** Of the receiver. */
  entityType: Schema.String,
  entityId: Schema.String,
  /** `<sender's type>/<sender's id>/<sequence>/<ordinal>`, and `/again` when it was delivered again by an operator. */
  messageId: Schema.String,
  /** The command that it asks for. */
  tag: Schema.String,
  reason: DeadReason,
  error: Schema.String,
  /** Unix milliseconds at which it was given up. */
  at: Schema.Int,
  /** Characters of the payload as JSON. */
  payloadLength: Schema.Int
})
export type DeadMessage = typeof DeadMessage.Type

/** Characters of a payload that are shown. */
export const payloadShown = 100_000

export const DeadMessageDetail = Schema.Struct({
  ...DeadMessage.fields,
  /** The payload as JSON, or its first `payloadShown` characters. */
  payload: Schema.String
})
export type DeadMessageDetail = typeof DeadMessageDetail.Type

export const RedeliveredMessage = Schema.Struct({
  number: Schema.Int,
  /** `dead`: the receiver gave it up again, and keeps it under a new number. */
  outcome: Schema.Literals(["applied", "dead"])
})
export type RedeliveredMessage = typeof RedeliveredMessage.Type
