/**
 * Calls actors durably. Every call has a request id; while the actor is moving, or its answer is in doubt, the client sends the same id
 * again, so the command happens once. When time runs out the call fails with `ActorUnavailable`: it may or may not have happened, and the
 * same request id will tell.
 */
import { Cause, Clock, Context, Effect, Random, Schedule } from "effect"
import type { Entity, Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { keyedHeader, requestIdHeader, retryHeader } from "../rpc/ActorProtocol.ts"
import { ActorUnavailable } from "../schema/Errors.ts"
import { Deadlines } from "./Deadlines.ts"

export interface CallOptions {
  /** Unique for one command to one actor. A fresh one is drawn when absent. */
  readonly requestId?: string | undefined
  /** Fingerprint of the payload, when `requestId` is a caller's idempotency key: another payload under the same key is refused. */
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
const patience = Schedule.min([Schedule.exponential("20 millis"), Schedule.spaced("1 second")]).pipe(Schedule.jittered)

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

class Call {
  readonly #deadlines: Deadlines
  readonly #send: Send
  readonly #payload: unknown
  readonly #options: CallOptions
  readonly #requestId: string

  constructor(deadlines: Deadlines, send: Send, payload: unknown, options: CallOptions, requestId: string) {
    this.#deadlines = deadlines
    this.#send = send
    this.#payload = payload
    this.#options = options
    this.#requestId = requestId
  }

  /** The first try is nearly always the only one, so it carries none of what retrying needs. */
  get run(): Effect.Effect<unknown, unknown> {
    const started = Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
    return Effect.flatMap(started, (at) =>
      Effect.catchIf(this.#attempt(false), isTransient, (error) => this.#retry(error, at)))
  }

  #attempt(again: boolean): Effect.Effect<unknown, unknown> {
    const { fingerprint, timeoutMillis = attemptTimeoutMillis } = this.#options
    const headers: Record<string, string> = { [requestIdHeader]: this.#requestId }
    if (fingerprint !== undefined) headers[keyedHeader] = fingerprint
    if (again) headers[retryHeader] = "1"
    const sent = Effect.catchCauseIf(this.#send(this.#payload, { headers }), Cause.hasInterruptsOnly, () => Effect.fail(cutOff))
    return this.#deadlines.within(sent, Math.min(attemptTimeoutMillis, timeoutMillis), timedOut)
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

export const make = <Type extends string, Rpcs extends Rpc.Any>(
  entity: Entity.Entity<Type, Rpcs>
): Effect.Effect<ActorClient<Rpcs>, never, Sharding.Sharding> =>
  Effect.map(entity.client, (clientOf) => {
    const deadlines = new Deadlines()
    return (entityId: string) => {
      const client = clientOf(entityId) as unknown as Record<string, Send>
      const call = (tag: string, payload: unknown, options: CallOptions) => {
        const send = client[tag]!
        const id = options.requestId
        return id === undefined
          ? Effect.flatMap(requestId, (drawn) => new Call(deadlines, send, payload, options, drawn).run)
          : Effect.suspend(() => new Call(deadlines, send, payload, options, id).run)
      }
      return new Proxy({}, {
        get: (_, tag: string) => (payload: unknown, options: CallOptions = {}) => call(tag, payload, options)
      }) as Calls<Rpcs>
    }
  })
