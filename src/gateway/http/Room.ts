/**
 * Room for what long requests say, of one process. Read and decoded, a request takes several times its bytes, and it is
 * held until it is answered: while the store is slow, long ones would fill the memory. So those that are long share an
 * amount, and one that does not fit is refused: a body before it is read, a message of a socket before anything is done
 * with it.
 */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"

/** Bytes of all long requests together: of bodies, and again of what RPCs say. */
export const roomMost = 134_217_728
/** Bytes of a request that is never refused: nearly all are much shorter. */
const short = 65_536

/** As the request says; the most that is read of one that does not. */
export const bodyBytes = ({ headers }: HttpServerRequest.HttpServerRequest, limit: number): number =>
  headers["content-length"] === undefined
    ? headers["transfer-encoding"] === undefined
      ? 0
      : limit
    : Number(headers["content-length"])

export class Room {
  #taken = 0

  /** Runs the effect with room for so many bytes, or else `full`. */
  holding<A, E, R, A2, E2>(
    bytes: number,
    effect: Effect.Effect<A, E, R>,
    full: Effect.Effect<A2, E2>
  ): Effect.Effect<A | A2, E | E2, R> {
    if (!(bytes > short)) return effect
    return Effect.suspend((): Effect.Effect<A | A2, E | E2, R> => {
      if (this.#taken + bytes > roomMost) return full
      this.#taken += bytes
      return Effect.ensuring(
        effect,
        Effect.sync(() => (this.#taken -= bytes))
      )
    })
  }
}
