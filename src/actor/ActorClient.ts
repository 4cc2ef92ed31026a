/**
 * Client for durable calls to actors. Every call has a request id. While the actor is moving, or the outcome of an
 * attempt is in doubt, the client retries with the same id, so the command takes effect once. When the timeout expires
 * the call fails with `ActorUnavailable`: the command may or may not have been applied, and a call with the same
 * request id returns the recorded reply or applies it.
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
  /**
   * Idempotency key of the command: unique for one command to one actor. A random id is drawn when absent. It
   * deduplicates for as long as the actor's journal keeps the entry.
   */
  readonly requestId?: string | undefined
  /**
   * Fingerprint of the payload, for a `requestId` that is a caller's idempotency key: the same key with another
   * fingerprint fails with `IdempotencyConflict`.
   */
  readonly fingerprint?: string | undefined
  /** Timeout in milliseconds for all attempts together; 30 s when absent. A single attempt is given at most 10 s. */
  readonly timeoutMillis?: number | undefined
}

/** The commands of a protocol as methods; the shell's own requests are left out. */
type Calls<Rpcs extends Rpc.Any> = {
  readonly [R in Rpcs as Exclude<R["_tag"], "Wake" | "Hold" | "Deliver">]: (
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

const defaultTimeoutMillis = 30_000
const attemptTimeoutMillis = 10_000
/**
 * Maximum concurrent slow-path calls and retries per client. They mostly wait for an actor that is loading, moving, or
 * whose store is unavailable. Beyond it calls fail at once with `ActorUnavailable` (load shedding): with tens of
 * thousands pending the process no longer keeps up with replies.
 */
export const waitingCalls = 2_048
/** Maximum total weight of the payloads of these calls (Weight.ts). A single payload may weigh more. */
export const waitingWeight = 128 * 1024 * 1024

/** Routing errors of the cluster and refusals of the shell: the command may be sent again. */
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

/**
 * Whether a command that failed so may have run. The cluster tells of its last attempt only, and an earlier one may
 * have reached the actor.
 */
const mayHaveRun = (error: unknown): boolean => !(error instanceof ActorUnavailable) || error.mayHaveRun

/** The refusal itself when no attempt can have run, and otherwise that the outcome is unknown. */
const givenUp = (cause: unknown, isInDoubt: boolean): ActorUnavailable => {
  if (!isInDoubt && cause instanceof ActorUnavailable) return cause
  const tag = typeof cause === "object" && cause !== null && "_tag" in cause ? String(cause._tag) : "timeout"
  return new ActorUnavailable({
    reason: "TimedOut",
    message: `no answer in time (${tag}); send the same request id again to learn the outcome`,
    retryAfterMillis: 1_000
  })
}

/** The actor's runner shut down or lost the shard while the call was in flight. */
const cutOff = new ActorUnavailable({
  reason: "ConnectionLost",
  message: "the actor was moved while it had the call",
  retryAfterMillis: 20
})

type Send = (payload: unknown, options: { readonly headers: Record<string, string> }) => Effect.Effect<unknown, unknown>

const timedOut = Effect.fail(
  new ActorUnavailable({
    reason: "TimedOut",
    message: "no answer in time; send the same request id again to learn the outcome",
    retryAfterMillis: 1_000
  })
)

/** The two paths of a command to an actor: the fast path, where it is available, and the cluster's delivery. */
interface Ways {
  readonly fast: ((asked: IncomingCall) => boolean) | undefined
  readonly send: Send
}

/** Sampled traces go through the cluster's delivery, which records their spans; the fast path records none. */
const isTraced = (context: Context.Context<never>): boolean =>
  Context.getOption(context, Tracer.ParentSpan).pipe(Option.exists(({ sampled }) => sampled)) &&
  Context.get(context, References.TracerEnabled)

/** `isInDoubt`: an attempt of the call has been made, and may have run. */
const refused = (isInDoubt: boolean, message: string) =>
  new ActorUnavailable({ reason: isInDoubt ? "TimedOut" : "Overloaded", message, retryAfterMillis: 1_000 })

const crowded = `${waitingCalls} calls of this client wait for an answer already; send the same request id again later`
const heavy =
  "calls of this client that wait for an answer weigh as much as they may; send the same request id again later"

/** State that all calls of one client share. */
class Desk {
  readonly deadlines = new CallTimeouts()
  #waiting = 0
  #weight = 0

  /**
   * Runs the effect as a slow call. Fails at once with `ActorUnavailable` when the client has reached its limit of
   * calls or of weight.
   */
  waiting<A, E>(
    payload: unknown,
    isInDoubt: boolean,
    effect: Effect.Effect<A, E>
  ): Effect.Effect<A, E | ActorUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | ActorUnavailable> => {
      if (this.#waiting >= waitingCalls) return Effect.fail(refused(isInDoubt, crowded))
      const weight = weightOf(payload)
      if (this.#waiting > 0 && this.#weight + weight > waitingWeight) return Effect.fail(refused(isInDoubt, heavy))
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

  /** The first attempt nearly always succeeds, so it allocates nothing that only retries need. */
  get run(): Effect.Effect<unknown, unknown> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const clock = Context.get(context, Clock.Clock)
      const at = clock.currentTimeMillisUnsafe()
      const { fast } = this.#ways
      const slowly = () =>
        this.#waiting(
          false,
          Effect.catchIf(
            this.#attempt(false, this.#leftMillis(at, clock.currentTimeMillisUnsafe())),
            isTransient,
            (error) => this.#retry(error, at)
          )
        )
      if (fast === undefined || isTraced(context)) return slowly()
      return Effect.catchIf(
        this.#quickly(fast, context),
        (error) => isNotHere(error) || isTransient(error),
        (error) => (isNotHere(error) ? slowly() : this.#waiting(mayHaveRun(error), this.#retry(error, at)))
      )
    })
  }

  #waiting(isInDoubt: boolean, effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return this.#desk.waiting(this.#payload, isInDoubt, effect)
  }

  get #attemptMillis(): number {
    return Math.min(attemptTimeoutMillis, this.#options.timeoutMillis ?? attemptTimeoutMillis)
  }

  #leftMillis(startedAt: number, now: number): number {
    return (this.#options.timeoutMillis ?? defaultTimeoutMillis) - (now - startedAt)
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

  /** `leftMillis`: what is left of the call's timeout. */
  #attempt(again: boolean, leftMillis: number): Effect.Effect<unknown, unknown> {
    const { fingerprint } = this.#options
    const headers: Record<string, string> = { [requestIdHeader]: this.#requestId }
    if (fingerprint !== undefined) headers[keyedHeader] = fingerprint
    if (again) headers[retryHeader] = "1"
    const sending = this.#ways.send(this.#payload, { headers })
    const sent = Effect.catchCauseIf(sending, Cause.hasInterruptsOnly, () => Effect.fail(cutOff))
    return this.#desk.deadlines.within(sent, Math.min(attemptTimeoutMillis, leftMillis), timedOut)
  }

  #retry(first: unknown, startedAt: number): Effect.Effect<unknown, unknown> {
    return Effect.gen({ self: this }, function* () {
      let isInDoubt = mayHaveRun(first)
      const left = this.#leftMillis(startedAt, yield* Clock.currentTimeMillis)
      if (left <= 0) return yield* Effect.fail(givenUp(first, isInDoubt))
      const noteDoubt = (error: unknown) => Effect.sync(() => void (isInDoubt ||= mayHaveRun(error)))
      return yield* Effect.suspend(() => this.#attempt(isInDoubt, left)).pipe(
        Effect.tapError(noteDoubt),
        Effect.retry({ while: isTransient, schedule: patience }),
        Effect.delay(firstPause),
        Effect.timeout(left),
        Effect.mapError((error) => (isTransient(error) ? givenUp(error, isInDoubt || mayHaveRun(error)) : error))
      )
    })
  }
}

type Slow = (entityId: string) => Record<string, Send>

/** Both paths for one command of a protocol. */
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

/**
 * Makes a client for all actors of one entity type. It uses the fast path when the `FastPath` service is in the
 * context, and the cluster's delivery otherwise.
 */
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
