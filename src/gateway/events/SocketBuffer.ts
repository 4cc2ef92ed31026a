/**
 * How much clients have not taken yet. The socket's writer never waits, so the transport's own count is the only sign
 * of a slow client. A transport that does not tell counts as quick.
 */
import type { HttpServerRequest } from "effect/http"

const bytesOf = ({ source }: HttpServerRequest.HttpServerRequest): number => {
  const { socket } = source as { readonly socket?: { readonly writableLength?: number } }
  return socket?.writableLength ?? 0
}

/** Of one client. */
export const backlogMost = 4_194_304
/** Of all together: beyond it whoever has more than a little is let go. */
export const backlogsMost = 268_435_456
const little = 65_536

/** What is known of the backlog of each socket of a process, as of its last message. */
export class Backlogs {
  readonly #known = new Map<HttpServerRequest.HttpServerRequest, number>()
  #sum = 0

  /** Whether the client has left too much to be sent more. */
  isTooMuch(request: HttpServerRequest.HttpServerRequest): boolean {
    const bytes = bytesOf(request)
    this.#sum += bytes - (this.#known.get(request) ?? 0)
    this.#known.set(request, bytes)
    return bytes > backlogMost || (this.#sum > backlogsMost && bytes > little)
  }

  forget(request: HttpServerRequest.HttpServerRequest): void {
    this.#sum -= this.#known.get(request) ?? 0
    this.#known.delete(request)
  }
}
