/**
 * The bodies of requests under way, of one process. Read and decoded, a body takes several times its bytes, and it is held until its request is answered: while
 * the store is slow, long ones would fill the memory. So those that are long share an amount, and one that does not fit is refused before it is read.
 */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { Overloaded } from "../../schema/Errors.ts"

/** Bytes of all long bodies together. */
export const bodiesMost = 134_217_728
/** Bytes of a body that is never refused: nearly all are much shorter. */
const short = 65_536

/** As the request says; the most that is read of one that does not. */
export const bodyBytes = ({ headers }: HttpServerRequest.HttpServerRequest, limit: number): number =>
  headers["content-length"] === undefined
    ? headers["transfer-encoding"] === undefined ? 0 : limit
    : Number(headers["content-length"])

const full = new Overloaded({
  layer: "bodies",
  message: "the bodies of requests under way are as long as they may be together; this one was not read",
  retryAfterMillis: 1_000
})

export class Bodies {
  #bytes = 0

  /** Runs the effect with room for a body, or fails at once. */
  holding<A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Overloaded, R> {
    if (!(bytes > short)) return effect
    return Effect.suspend((): Effect.Effect<A, E | Overloaded, R> => {
      if (this.#bytes + bytes > bodiesMost) return Effect.fail(full)
      this.#bytes += bytes
      return Effect.ensuring(effect, Effect.sync(() => (this.#bytes -= bytes)))
    })
  }
}
