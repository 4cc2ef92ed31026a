/**
 * Calls actors durably. Every call has a request id; while the actor is moving, or its answer is in doubt, the client
 * sends the same id again, so the command happens once. When time runs out the call fails with `ActorUnavailable`: it
 * may or may not have happened, and the same request id will tell.
 */
import { Cause, Clock, Context, Effect, Option, Random, References, Schedule, Tracer } from "effect"
import { type Entity, Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { keyedHeader, requestIdHeader, retryHeader } from "./Protocol.ts"
import { ActorUnavailable } from "../schema/Errors.ts"
import { CallTimeouts } from "./client/CallTimeouts.ts"
import { notHere, FastPath, isNotHere, targetsOf } from "./client/FastPath.ts"
import type { IncomingCall } from "./runtime/ActivationDirectory.ts"
import { weightOf } from "./state/Weight.ts"

export interface CallOptions {
  /** Unique for one command to one actor. A fresh one is drawn when absent. */
  readonly requestId?: string | undefined
  /**
   * Fingerprint of the payload, when `requestId` is a caller's idempotency key: another payload under the same key is
   * refused.
   */
  readonly fingerprint?: string | undefined
  /** Time for all tries together; 30 s when absent. */
  readonly timeoutMillis?: number | undefined
}

type Calls<Rpcs extends Rpc.Any> = {
  readonly [R in Rpcs as Exclude<R["_tag"], "Wake" | "Hold" | "Deliver">]: (
    payload: Rpc.PayloadConstructor<R>,
    options?: CallOptions
  ) => Effect.Effect<Rpc.Success<R>, Rpc.Error<R> | ActorUnavailable>
}

export type ActorClient<Rpcs extends Rpc.Any> = (entityId: string) => Calls<Rpcs>

const defaultTimeoutMillis = 30_000
const attemptTimeoutMillis = 10_000
/**
 * Calls of one client that are sent by the cluster's own delivery, or tried again: mostly to an actor which is not at
 * hand, since it is being loaded, moves, or its store is away. Each costs more than a call that is answered at once:
 * with tens of thousands a process would have no time left to hear answers.
 */
export const waitingCalls = 2_048
/** Of the payloads of these calls (Weight.ts). One alone may weigh more. */
export const waitingWeight = 128 * 1024 * 1024

/** Routing errors of the cluster and our own refusals: the command may be sent again. */
const transient = new Set([
  "ActorUnavailable",
  "MailboxFull",
  "EntityNotAssignedToRunner",
  "AlreadyProcessingMessage",
  "RunnerUnavailable",
  "PersistenceError",
  "TimeoutError"
])

const isTransient = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && transient.has(String(error._tag))

const firstPause = "20 millis"
const patience = Schedule.min([Schedule.exponential("20 millis", 1.5), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

const draw = (random: { nextDoubleUnsafe(): number }): string =>
  Math.floor(random.nextDoubleUnsafe() * 2 ** 53).toString(36)

const requestId = Effect.contextWith((context: Context.Context<never>) => {
  const random = Context.get(context, Random.Random)
  return Effect.succeed(`call-${draw(random)}${draw(random)}`)
})

const givenUp = (cause: unknown) =>
  new ActorUnavailable({
    message: `no answer in time (${
      typeof cause === "object" && cause !== null && "_tag" in cause ? String(cause._tag) : "timeout"
    }); send the same request id again to learn the outcome`,
    retryAfterMillis: 1_000
  })

/** The actor's runner was stopped, or lost the shard, while it had the call. */
const cutOff = new ActorUnavailable({ message: "the actor was moved while it had the call", retryAfterMillis: 20 })

type Send = (payload: unknown, options: { readonly headers: Record<string, string> }) => Effect.Effect<unknown, unknown>

const timedOut = Effect.fail(
  new ActorUnavailable({
    message: "no answer in time; send the same request id again to learn the outcome",
    retryAfterMillis: 1_000
  })
)

/** How one command reaches one actor: quickly, where that may be tried, and by the cluster. */
interface Ways {
  readonly fast: ((asked: IncomingCall) => boolean) | undefined
  readonly send: Send
}

/** A span that is kept is told of by the cluster's own delivery. */
const isTraced = (context: Context.Context<never>): boolean =>
  Context.getOption(context, Tracer.ParentSpan).pipe(Option.exists(({ sampled }) => sampled)) &&
  Context.get(context, References.TracerEnabled)

const crowded = Effect.fail(
  new ActorUnavailable({
    message: `${waitingCalls} calls of this client wait for an answer already; send the same request id again later`,
    retryAfterMillis: 1_000
  })
)

const heavy = Effect.fail(
  new ActorUnavailable({
    message:
      "calls of this client that wait for an answer weigh as much as they may; send the same request id again later",
    retryAfterMillis: 1_000
  })
)

/** What all calls of a client share. */
class Desk {
  readonly deadlines = new CallTimeouts()
  #waiting = 0
  #weight = 0

  /** Refused at once when as many wait, or as much, as may. */
  waiting<A, E>(payload: unknown, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ActorUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | ActorUnavailable> => {
      if (this.#waiting >= waitingCalls) return crowded
      const weight = weightOf(payload)
      if (this.#waiting > 0 && this.#weight + weight > waitingWeight) return heavy
      this.#waiting++
      this.#weight += weight
      const end = Effect.sync(() => {
        this.#waiting--
        this.#weight -= weight
      })
      return Effect.ensuring(effect, end)
    })
  }
}

class Call {
  readonly #desk: Desk
  readonly #ways: Ways
  readonly #tag: string
  readonly #payload: unknown
  readonly #options: CallOptions
  readonly #requestId: string

  constructor(desk: Desk, ways: Ways, tag: string, payload: unknown, options: CallOptions, requestId: string) {
    this.#desk = desk
    this.#ways = ways
    this.#tag = tag
    this.#payload = payload
    this.#options = options
    this.#requestId = requestId
  }

  /** The first try is nearly always the only one, so it carries none of what retrying needs. */
  get run(): Effect.Effect<unknown, unknown> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const at = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
      const { fast } = this.#ways
      const slowly = () =>
        this.#waiting(Effect.catchIf(this.#attempt(false), isTransient, (error) => this.#retry(error, at)))
      if (fast === undefined || isTraced(context)) return slowly()
      return Effect.catchIf(
        this.#quickly(fast, context),
        (error) => isNotHere(error) || isTransient(error),
        (error) => (isNotHere(error) ? slowly() : this.#waiting(this.#retry(error, at)))
      )
    })
  }

  #waiting(effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return this.#desk.waiting(this.#payload, effect)
  }

  get #attemptMillis(): number {
    return Math.min(attemptTimeoutMillis, this.#options.timeoutMillis ?? attemptTimeoutMillis)
  }

  #quickly(fast: (asked: IncomingCall) => boolean, context: Context.Context<never>): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => {
      let disarm: (() => void) | undefined
      let answered = false
      const isTaken = fast({
        tag: this.#tag,
        payload: this.#payload,
        requestId: this.#requestId,
        fingerprint: this.#options.fingerprint ?? null,
        again: false,
        resume: (answer) => {
          answered = true
          disarm?.()
          resume(answer)
        }
      })
      if (!isTaken) return resume(notHere)
      if (answered) return
      disarm = this.#desk.deadlines.arm(this.#attemptMillis, context, () => resume(timedOut))
      return Effect.sync(disarm)
    })
  }

  #attempt(again: boolean): Effect.Effect<unknown, unknown> {
    const { fingerprint } = this.#options
    const headers: Record<string, string> = { [requestIdHeader]: this.#requestId }
    if (fingerprint !== undefined) headers[keyedHeader] = fingerprint
    if (again) headers[retryHeader] = "1"
    const sending = this.#ways.send(this.#payload, { headers })
    const sent = Effect.catchCauseIf(sending, Cause.hasInterruptsOnly, () => Effect.fail(cutOff))
    return this.#desk.deadlines.within(sent, this.#attemptMillis, timedOut)
  }

  #retry(first: unknown, startedAt: number): Effect.Effect<unknown, unknown> {
    return Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      const left = (this.#options.timeoutMillis ?? defaultTimeoutMillis) - (now - startedAt)
      if (left <= 0) return yield* Effect.fail(givenUp(first))
      return yield* Effect.suspend(() => this.#attempt(true)).pipe(
        Effect.retry({ while: isTransient, schedule: patience }),
        Effect.delay(firstPause),
        Effect.timeout(left),
        Effect.mapError((error) => (isTransient(error) ? givenUp(error) : error))
      )
    })
  }
}

type Slow = (entityId: string) => Record<string, Send>

/** One command of a protocol, by both ways. */
const waysTo = (
  entity: Entity.Entity<string, Rpc.Any>,
  sharding: Sharding.Sharding["Service"],
  path: FastPath["Service"] | undefined,
  slow: Slow
) => {
  const targetOf = targetsOf(entity, sharding)
  return (entityId: string, tag: string): Ways => {
    const rpc = entity.protocol.requests.get(tag) as unknown as Rpc.AnyWithProps
    const target = targetOf(entityId)
    return {
      fast: path && ((asked) => path.ask(target, { ...asked, payload: rpc.payloadSchema.make(asked.payload) })),
      send: (payload, options) => slow(entityId)[tag]!(payload, options)
    }
  }
}

export const make = <Type extends string, Rpcs extends Rpc.Any>(
  entity: Entity.Entity<Type, Rpcs>
): Effect.Effect<ActorClient<Rpcs>, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const path = Option.getOrUndefined(yield* Effect.serviceOption(FastPath))
    const desk = new Desk()
    const waysOf = waysTo(
      entity as unknown as Entity.Entity<string, Rpc.Any>,
      yield* Sharding.Sharding,
      path,
      (yield* entity.client) as unknown as Slow
    )
    const call = (entityId: string, tag: string, payload: unknown, options: CallOptions) => {
      const run = (id: string) => new Call(desk, waysOf(entityId, tag), tag, payload, options, id).run
      const id = options.requestId
      return id === undefined ? Effect.flatMap(requestId, run) : Effect.suspend(() => run(id))
    }
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
