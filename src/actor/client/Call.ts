/**
 * One call to an actor: its attempts, by the fast path or the cluster's delivery, and what their failures say of it.
 * All attempts have one request id, so the command takes effect once.
 */
import { Cause, Clock, Context, Effect, Exit, Option, References, Schedule, Tracer } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"
import { keyedHeader, requestIdHeader, retryHeader } from "../Protocol.ts"
import type { IncomingCall } from "../runtime/ActivationDirectory.ts"
import type { AdmissionLimit } from "./AdmissionLimit.ts"
import type { CallTimeouts } from "./CallTimeouts.ts"
import { isNotHere } from "./FastPath.ts"

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

/** What all calls of one client share. */
export interface Shared {
  readonly timeouts: CallTimeouts
  readonly limit: AdmissionLimit
}

export type Send = (
  payload: unknown,
  options: { readonly headers: Record<string, string> }
) => Effect.Effect<unknown, unknown>

/** The two paths of a command to an actor: the fast path, where it is available, and the cluster's delivery. */
export interface Ways {
  readonly fast: ((asked: IncomingCall) => boolean) | undefined
  readonly send: Send
}

/** Sampled traces go through the cluster's delivery, which records their spans; the fast path records none. */
const isTraced = (context: Context.Context<never>): boolean =>
  Context.get(context, References.TracerEnabled) &&
  Context.getOption(context, Tracer.ParentSpan).pipe(Option.exists(({ sampled }) => sampled))

const defaultTimeoutMillis = 30_000
const attemptTimeoutMillis = 10_000
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

/**
 * Whether a command that failed so may have run. The cluster tells of its last attempt only, and an earlier one may
 * have reached the actor.
 */
const mayHaveRun = (error: unknown): boolean => !(error instanceof ActorUnavailable) || error.mayHaveRun

/** Whether nothing ran and the actor asks to come back when the call's time is over. */
const comesTooLate = (error: unknown, leftMillis: number): boolean =>
  error instanceof ActorUnavailable && error.reason === "StoreUnavailable" && error.retryAfterMillis > leftMillis

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

const timedOut = Exit.fail(
  new ActorUnavailable({
    reason: "TimedOut",
    message: "no answer in time; send the same request id again to learn the outcome",
    retryAfterMillis: 1_000
  })
)

/** One call: the fast path first, and retries under the same request id. */
export class Call {
  readonly #shared: Shared
  readonly #ways: Ways
  readonly #tag: string
  readonly #payload: unknown
  readonly #options: CallOptions
  readonly #requestId: string

  constructor(shared: Shared, ways: Ways, tag: string, payload: unknown, options: CallOptions, requestId: string) {
    this.#shared = shared
    this.#ways = ways
    this.#tag = tag
    this.#payload = payload
    this.#options = options
    this.#requestId = requestId
  }

  /**
   * The first attempt nearly always succeeds, so it takes one effect, and allocates nothing that only retries need.
   * `context`: of the caller.
   */
  run(context: Context.Context<never>): Effect.Effect<unknown, unknown> {
    const { fast } = this.#ways
    const at = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
    return fast === undefined || isTraced(context) ? this.#slowly(at, context) : this.#quickly(fast, at, context)
  }

  /** `startedAt`: Unix milliseconds at which the call began. */
  #slowly(startedAt: number, context: Context.Context<never>): Effect.Effect<unknown, unknown> {
    const left = this.#leftMillis(startedAt, Context.get(context, Clock.Clock).currentTimeMillisUnsafe())
    const attempt = Effect.catchIf(this.#attempt(false, left), isTransient, (error) => this.#retry(error, startedAt))
    return this.#waiting(false, attempt)
  }

  #waiting(isInDoubt: boolean, effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return this.#shared.limit.admit(this.#payload, isInDoubt, effect)
  }

  get #attemptMillis(): number {
    return Math.min(attemptTimeoutMillis, this.#options.timeoutMillis ?? attemptTimeoutMillis)
  }

  #leftMillis(startedAt: number, now: number): number {
    return (this.#options.timeoutMillis ?? defaultTimeoutMillis) - (now - startedAt)
  }

  #quickly(
    fast: (asked: IncomingCall) => boolean,
    startedAt: number,
    context: Context.Context<never>
  ): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => {
      let disarm: (() => void) | undefined
      let answered = false
      const end = (answer: Exit.Exit<unknown, unknown>) => {
        answered = true
        disarm?.()
        resume(answer._tag === "Success" ? answer : this.#failed(answer, startedAt, context))
      }
      const isTaken = fast({
        tag: this.#tag,
        payload: this.#payload,
        requestId: this.#requestId,
        fingerprint: this.#options.fingerprint ?? null,
        again: false,
        resume: end
      })
      if (!isTaken) return resume(this.#slowly(startedAt, context))
      if (answered) return
      disarm = this.#shared.timeouts.arm(this.#attemptMillis, context, () => end(timedOut))
      return Effect.sync(disarm)
    })
  }

  /** What becomes of the call when its attempt by the fast path has failed. */
  #failed(
    exit: Exit.Failure<unknown, unknown>,
    startedAt: number,
    context: Context.Context<never>
  ): Effect.Effect<unknown, unknown> {
    const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
    if (isNotHere(error)) return this.#slowly(startedAt, context)
    return isTransient(error) ? this.#waiting(mayHaveRun(error), this.#retry(error, startedAt)) : exit
  }

  /** `leftMillis`: what is left of the call's timeout. */
  #attempt(again: boolean, leftMillis: number): Effect.Effect<unknown, unknown> {
    const { fingerprint } = this.#options
    const headers: Record<string, string> = { [requestIdHeader]: this.#requestId }
    if (fingerprint !== undefined) headers[keyedHeader] = fingerprint
    if (again) headers[retryHeader] = "1"
    const sending = this.#ways.send(this.#payload, { headers })
    const sent = Effect.catchCauseIf(sending, Cause.hasInterruptsOnly, () => Effect.fail(cutOff))
    return this.#shared.timeouts.within(sent, Math.min(attemptTimeoutMillis, leftMillis), timedOut)
  }

  #retry(first: unknown, startedAt: number): Effect.Effect<unknown, unknown> {
    return Effect.gen({ self: this }, function* () {
      let isInDoubt = mayHaveRun(first)
      const left = this.#leftMillis(startedAt, yield* Clock.currentTimeMillis)
      if (left <= 0 || comesTooLate(first, left)) return yield* Effect.fail(givenUp(first, isInDoubt))
      const noteDoubt = (error: unknown) => Effect.sync(() => void (isInDoubt ||= mayHaveRun(error)))
      return yield* Effect.suspend(() => this.#attempt(isInDoubt, left)).pipe(
        Effect.tapError(noteDoubt),
        Effect.retry({ while: (error) => isTransient(error) && !comesTooLate(error, left), schedule: patience }),
        Effect.delay(firstPause),
        Effect.timeout(left),
        Effect.mapError((error) => (isTransient(error) ? givenUp(error, isInDoubt || mayHaveRun(error)) : error))
      )
    })
  }
}
