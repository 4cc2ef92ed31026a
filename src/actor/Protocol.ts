/**
 * The shape of every actor's protocol. In addition to its own errors a command may fail with `ActorUnavailable` (the
 * outcome is unknown; send the same request id again), with `InvalidInput` (the store cannot hold what the command
 * would write: nothing was stored, and a retry is refused again) and, when the caller named an idempotency key, with
 * `IdempotencyConflict`. `Wake`, `Hold`, `Deliver` and `DeliverTold` are the shell's own requests.
 */
import { Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import { Rpc, RpcGroup } from "effect/rpc"
import { ActorUnavailable, IdempotencyConflict, InvalidInput } from "../schema/Errors.ts"

/** RPC header with the request id, which identifies one command to one actor and is the same on every retry. */
export const requestIdHeader = "x-clawster-request"
/**
 * RPC header with the payload's fingerprint. Set when the request id is a caller's idempotency key: the payload is then
 * compared with that of the first request.
 */
export const keyedHeader = "x-clawster-keyed"
/** RPC header that is set from the second attempt on: the journal may already hold the reply. */
export const retryHeader = "x-clawster-retry"

/**
 * Activates the actor. Success: it is loaded, its activities and relays are running, and its due timers have been
 * decided.
 */
export const Wake = Rpc.make("Wake", { error: ActorUnavailable })

/**
 * An actor's request to itself that stays unanswered while background work is running, so that the cluster does not
 * passivate the actor.
 */
export const Hold = Rpc.make("Hold").annotate(ClusterSchema.InterruptOnTermination, true)

/**
 * Messages of one actor to another, in order; at most 256. Success: each is committed, changed nothing, was a
 * duplicate, or is kept as a dead message (DeadMessageRow.ts). `ActorUnavailable`: some may have been committed; send
 * all of them again.
 */
export const Deliver = Rpc.make("Deliver", {
  payload: {
    messages: Schema.Array(Schema.Struct({ id: Schema.String, tag: Schema.String, payload: Schema.Json })).check(
      Schema.isMaxLength(256)
    ),
    /** True when some of the messages may have been delivered before. */
    again: Schema.Boolean
  },
  error: ActorUnavailable
})

/**
 * Messages of one actor to another that no store has, in order; at most 256. They have no ids, so nothing is
 * deduplicated. Success: what they changed is committed, all of it in one entry. `ActorUnavailable`: some may have been
 * committed; tell all of them again.
 */
export const DeliverTold = Rpc.make("DeliverTold", {
  payload: {
    messages: Schema.Array(Schema.Struct({ tag: Schema.String, payload: Schema.Json })).check(Schema.isMaxLength(256))
  },
  error: ActorUnavailable
})

/** The requests that the shell adds to every protocol. */
export type ShellRpcs = typeof Wake | typeof Hold | typeof Deliver | typeof DeliverTold
export type ShellTag = ShellRpcs["_tag"]

/** Defines a command. Its error type is `error` and the errors that every command may fail with. */
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

/** Makes the protocol of an actor from its commands; adds the shell's own requests. */
export const protocol = <const Rpcs extends ReadonlyArray<Rpc.Any>>(...rpcs: Rpcs) =>
  RpcGroup.make(...rpcs).add(Wake, Hold, Deliver, DeliverTold)
