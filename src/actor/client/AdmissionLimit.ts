/** Bounds the slow calls of one client: those that are retried, or that go by the cluster's delivery. */
import { Effect } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"
import { weightOf } from "../state/Weight.ts"

/**
 * Maximum concurrent slow-path calls and retries per client. They mostly wait for an actor that is loading, moving, or
 * whose store is unavailable. Beyond it calls fail at once with `ActorUnavailable` (load shedding): with tens of
 * thousands pending the process no longer keeps up with replies.
 */
export const waitingCalls = 2_048
/** Maximum total weight of the payloads of these calls (Weight.ts). A single payload may weigh more. */
export const waitingWeight = 128 * 1024 * 1024

/** `isInDoubt`: an attempt of the call has been made, and may have run. */
const refused = (isInDoubt: boolean, message: string) =>
  new ActorUnavailable({ reason: isInDoubt ? "TimedOut" : "Overloaded", message, retryAfterMillis: 1_000 })

const crowded = `${waitingCalls} calls of this client wait for an answer already; send the same request id again later`
const heavy =
  "calls of this client that wait for an answer weigh as much as they may; send the same request id again later"

export class AdmissionLimit {
  #waiting = 0
  #weight = 0

  /**
   * Runs the effect as a slow call. Fails at once with `ActorUnavailable` when the client has reached its limit of
   * calls or of weight.
   */
  admit<A, E>(
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
