/**
 * Client for durable calls to actors. Every call has a request id. While the actor is moving, or the outcome of an
 * attempt is in doubt, the client retries with the same id, so the command takes effect once. When the timeout expires
 * the call fails with `ActorUnavailable`: the command may or may not have been applied, and a call with the same
 * request id returns the recorded reply or applies it.
 */
import { Context, Effect, Option, Random, type Schema } from "effect"
import { type Entity, Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import type { ActorUnavailable } from "../schema/Errors.ts"
import { AdmissionLimit } from "./client/AdmissionLimit.ts"
import { Call, type CallOptions, type Send, type Ways } from "./client/Call.ts"
import { CallTimeouts } from "./client/CallTimeouts.ts"
import { FastPath, targetsOf } from "./client/FastPath.ts"
import { withinLimit } from "./outbox/OutboxRelay.ts"
import type { Deliver, ShellTag } from "./Protocol.ts"
import { compileMake } from "./state/CompiledSchema.ts"

export type { CallOptions } from "./client/Call.ts"

/** The commands of a protocol as methods; the shell's own requests are left out. */
type Calls<Rpcs extends Rpc.Any> = {
  readonly [R in Rpcs as Exclude<R["_tag"], ShellTag>]: (
    payload: Rpc.PayloadConstructor<R>,
    options?: CallOptions
  ) => Effect.Effect<Rpc.Success<R>, Rpc.Error<R> | ActorUnavailable>
}

/**
 * Calls the commands of one actor.
 *
 * Success: the command's events are committed. A typed error of the command: the decision was to refuse it.
 * `IdempotencyConflict`: the request id was used with another fingerprint. `InvalidInput`: the store cannot hold what
 * the command would write; nothing was stored. `ActorUnavailable`: no reply in time, or too many slow calls of this
 * client are in flight; the command may have been applied, and the same request id can safely be sent again.
 * Interrupting a call does not withdraw a command that has reached the actor.
 */
export type ActorClient<Rpcs extends Rpc.Any> = (entityId: string) => Calls<Rpcs>

type Slow = (entityId: string) => Record<string, Send>

/** Both paths for one command of a protocol. */
const waysTo = (
  entity: Entity.Entity<string, Rpc.Any>,
  sharding: Sharding.Sharding["Service"],
  path: FastPath["Service"] | undefined,
  slow: Slow
) => {
  const targetOf = targetsOf(entity, sharding)
  for (const rpc of entity.protocol.requests.values()) compileMake((rpc as unknown as Rpc.AnyWithProps).payloadSchema)
  return (entityId: string, tag: string): Ways => {
    const rpc = entity.protocol.requests.get(tag) as unknown as Rpc.AnyWithProps
    const target = targetOf(entityId)
    return {
      fast: path && ((asked) => path.ask(target, { ...asked, payload: rpc.payloadSchema.make(asked.payload) })),
      send: (payload, options) => slow(entityId)[tag]!(payload, options)
    }
  }
}

/**
 * Makes a client for all actors of one entity type. It uses the fast path when the `FastPath` service is in the
 * context, and the cluster's delivery otherwise.
 */
export const make = <Type extends string, Rpcs extends Rpc.Any>(
  entity: Entity.Entity<Type, Rpcs>
): Effect.Effect<ActorClient<Rpcs>, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const path = Option.getOrUndefined(yield* Effect.serviceOption(FastPath))
    const shared = { timeouts: new CallTimeouts(), limit: new AdmissionLimit() }
    const waysOf = waysTo(
      entity as unknown as Entity.Entity<string, Rpc.Any>,
      yield* Sharding.Sharding,
      path,
      (yield* entity.client) as unknown as Slow
    )
    const call = (entityId: string, tag: string, payload: unknown, options: CallOptions) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const id = options.requestId ?? requestId(Context.get(context, Random.Random))
        return new Call(shared, waysOf(entityId, tag), tag, payload, options, id).run(context)
      })
    return (entityId: string) =>
      new Proxy(
        {},
        {
          get:
            (_, tag: string) =>
            (payload: unknown, options: CallOptions = {}) =>
              call(entityId, tag, payload, options)
        }
      ) as Calls<Rpcs>
  })

/** A message as its sender's relay delivers it. */
export interface Message {
  readonly id: string
  readonly tag: string
  readonly payload: unknown
}

/**
 * Makes what delivers a message to an actor of this type, as the relay of a sender would. Success: the message is
 * committed, changed nothing, was a duplicate of its id, or is kept as a dead message. `ActorUnavailable`: it may have
 * been committed; deliver it again under the same id. It is given up after 15 s.
 */
export const delivering = <Type extends string, Rpcs extends Rpc.Any>(
  entity: Entity.Entity<Type, Rpcs>
): Effect.Effect<
  (entityId: string, message: Message) => Effect.Effect<void, ActorUnavailable>,
  never,
  Sharding.Sharding
> =>
  Effect.map((entity as unknown as Entity.Entity<string, typeof Deliver>).client, (client) => (entityId, message) => {
    const messages = [{ ...message, payload: message.payload as Schema.Json }]
    return withinLimit(client(entityId).Deliver({ messages, again: true }))
  })

interface Draws {
  nextDoubleUnsafe(): number
}

const draw = (random: Draws): string => Math.floor(random.nextDoubleUnsafe() * 2 ** 53).toString(36)

const requestId = (random: Draws): string => `call-${draw(random)}${draw(random)}`
