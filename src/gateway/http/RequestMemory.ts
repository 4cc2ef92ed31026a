/**
 * Bounds the memory for long requests in one process. When read and decoded, a request takes several times its size,
 * and it is kept until it is answered: while the store is slow, long requests would exhaust the memory. Therefore long
 * requests share a budget, and a request that does not fit is refused: a body before it is read, a socket message
 * before it is processed.
 */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"

/** Maximum bytes of all long requests together: one budget for bodies, and a separate one for RPC payloads. */
export const memoryMost = 134_217_728
/** Requests up to this size in bytes are never refused. Nearly all requests are much shorter. */
const short = 65_536

/** Size of the body as the request declares it; without a declared size, the most that will be read. */
export const bodyBytes = ({ headers }: HttpServerRequest.HttpServerRequest, limit: number): number =>
  headers["content-length"] === undefined
    ? headers["transfer-encoding"] === undefined
      ? 0
      : limit
    : Number(headers["content-length"])

export class RequestMemory {
  #taken = 0

  /** Runs the effect while the given number of bytes is reserved, or runs `full` when they are not available. */
  holding<A, E, R, A2, E2>(
    bytes: number,
    effect: Effect.Effect<A, E, R>,
    full: Effect.Effect<A2, E2>
  ): Effect.Effect<A | A2, E | E2, R> {
    if (!(bytes > short)) return effect
    return Effect.suspend((): Effect.Effect<A | A2, E | E2, R> => {
      if (this.#taken + bytes > memoryMost) return full
      this.#taken += bytes
      return Effect.ensuring(
        effect,
        Effect.sync(() => (this.#taken -= bytes))
      )
    })
  }
}
