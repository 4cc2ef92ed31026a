/**
 * The amount of data that clients have not read yet. The socket's writer never waits, so the transport's own buffer
 * size is the only sign of a slow client. A transport that does not report it counts as fast.
 */
import type { HttpServerRequest } from "effect/http"

const bytesOf = ({ source }: HttpServerRequest.HttpServerRequest): number => {
  const { socket } = source as { readonly socket?: { readonly writableLength?: number } }
  return socket?.writableLength ?? 0
}

/** Maximum bytes buffered for one client. */
export const backlogMost = 4_194_304
/**
 * Maximum bytes buffered for all clients together. Beyond it, a client with more than 64 KiB buffered is disconnected
 * at its next message.
 */
export const backlogsMost = 268_435_456
const little = 65_536

/** The buffered bytes of each socket of this process, as of its last message. */
export class SocketBuffer {
  readonly #known = new Map<HttpServerRequest.HttpServerRequest, number>()
  #sum = 0

  /** Whether the client has too many bytes buffered to be sent another message. */
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
