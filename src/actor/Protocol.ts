/**
 * The shape of every actor's protocol. A command may always fail with `ActorUnavailable` (send the same request id
 * again), with `InvalidInput` (the store cannot hold what it says: nothing was stored, and it will be refused again)
 * and, when the caller named an idempotency key, with `IdempotencyConflict`. `Wake`, `Hold` and `Deliver` are the
 * shell's own.
 */
import { Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import { Rpc, RpcGroup } from "effect/rpc"
import { ActorUnavailable, IdempotencyConflict, InvalidInput } from "../schema/Errors.ts"

/** Travels as an RPC header: identifies one command to one actor, the same on each retry. */
export const requestIdHeader = "x-clawster-request"
/** Set when the request id comes from a caller's idempotency key, so that its payload is compared too. */
export const keyedHeader = "x-clawster-keyed"
/** Set from the second try on: the journal may hold the answer already. */
export const retryHeader = "x-clawster-retry"

/** Activates the actor. Success: it is loaded, and what it should be doing is under way. */
export const Wake = Rpc.make("Wake", { error: ActorUnavailable })

/** The actor's call to itself that keeps it resident: answered when nothing is under way any more. */
export const Hold = Rpc.make("Hold").annotate(ClusterSchema.InterruptOnTermination, true)

/** Messages of one actor to another, in order. Success: all are committed. At most 256. */
export const Deliver = Rpc.make("Deliver", {
  payload: {
    messages: Schema.Array(Schema.Struct({ id: Schema.String, tag: Schema.String, payload: Schema.Json })).check(
      Schema.isMaxLength(256)
    ),
    /** They may have arrived before. */
    again: Schema.Boolean
  },
  error: ActorUnavailable
})

export type ShellRpcs = typeof Wake | typeof Hold | typeof Deliver

export const command = <
  const Tag extends string,
  Payload extends Schema.Struct.Fields | Schema.Top = Schema.Void,
  Success extends Schema.Top = Schema.Void,
  Failure extends Schema.Top = Schema.Never
>(
  tag: Tag,
  options: {
    readonly payload?: Payload
    readonly success?: Success
    readonly error?: Failure
  }
) =>
  Rpc.make(tag, {
    payload: (options.payload ?? Schema.Void) as Payload,
    success: (options.success ?? Schema.Void) as Success,
    error: Schema.Union([
      (options.error ?? Schema.Never) as Failure,
      ActorUnavailable,
      IdempotencyConflict,
      InvalidInput
    ])
  })

export const protocol = <const Rpcs extends ReadonlyArray<Rpc.Any>>(...rpcs: Rpcs) =>
  RpcGroup.make(...rpcs).add(Wake, Hold, Deliver)
