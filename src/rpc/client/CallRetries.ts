/** When a call of the typed client is tried again, and for how long. */
import { Clock, Effect, Random } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"

interface Refusal {
  readonly _tag: string
  readonly retryAfterMillis?: number
  readonly reason?: {
    readonly _tag: string
    readonly kind?: string
    readonly message?: string
    readonly cause?: { readonly response?: { readonly status: number } }
  }
}

const isStatusForNow = (status: number): boolean => status === 429 || status >= 500

/** The connection closed before the whole response had arrived. */
const isCutShort = (message: string | undefined): boolean => /ended before|empty HTTP response/.test(message ?? "")

/**
 * A transport failure may be temporary. A request that was refused as invalid, or a response that is not an RPC
 * response, will not succeed on a retry.
 */
export const isRetryable = (error: unknown): error is Refusal => {
  const { _tag, reason } = error as Refusal
  if (_tag !== "RpcClientError") return _tag === "ActorUnavailable" || _tag === "Overloaded"
  if (reason?._tag === "RpcClientDefect") return isCutShort(reason.message)
  if (reason?._tag !== "HttpError") return true
  if (reason.kind === "StatusCodeError") return isStatusForNow(reason.cause?.response?.status ?? 0)
  return reason.kind !== "EncodeError" && reason.kind !== "InvalidUrlError"
}

const delayMost = 2_000
const delayOf = (error: Refusal, attempt: number) =>
  Effect.map(Random.next, (draw) => {
    const backoff = Math.min(delayMost, 50 * 2 ** attempt)
    return Math.max(error.retryAfterMillis ?? 0, backoff * (0.5 + draw / 2))
  })

/** Tries until it succeeds, is refused for good, or the time of all attempts is over. */
const retrying = <A, E, R>(once: Effect.Effect<A, E, R>, retryForMillis: number): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (startedAt) => {
    const attempt = (count: number): Effect.Effect<A, E, R> =>
      Effect.catch(once, (error) =>
        isRetryable(error)
          ? Effect.gen(function* () {
              const delay = yield* delayOf(error, count)
              if ((yield* Clock.currentTimeMillis) + delay - startedAt > retryForMillis)
                return yield* Effect.fail(error as E)
              yield* Effect.sleep(delay)
              return yield* attempt(count + 1)
            })
          : Effect.fail(error)
      )
    return attempt(0)
  })

/** Timeout of one attempt, in addition to the time that the call itself asks the server to wait. */
const tryMillis = 15_000
const silence = new ActorUnavailable({
  reason: "TimedOut",
  message: "the gateway did not answer in time",
  retryAfterMillis: 0
})

const inTime = <A, E, R>(once: Effect.Effect<A, E, R>, payload: unknown, retryForMillis: number) => {
  const { millis = 0 } = (payload ?? {}) as { readonly millis?: number }
  return Effect.timeoutOrElse(once, {
    duration: Math.min(tryMillis, retryForMillis) + millis,
    orElse: () => Effect.fail(silence)
  })
}

/** Tries the call for `retryForMillis`, each attempt within its own time limit. */
export const tried = <A, E, R>(once: Effect.Effect<A, E, R>, payload: unknown, retryForMillis: number) =>
  retrying(inTime(once, payload, retryForMillis), retryForMillis)
