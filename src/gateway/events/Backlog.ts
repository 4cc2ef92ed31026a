/**
 * How much a client has not taken yet. The socket's writer never waits, so the transport's own count is the only sign of a slow client. A transport
 * that does not tell counts as quick.
 */
import type { HttpServerRequest } from "effect/http"

export const backlogBytes = ({ source }: HttpServerRequest.HttpServerRequest): number => {
  const { socket } = source as { readonly socket?: { readonly writableLength?: number } }
  return socket?.writableLength ?? 0
}

export const backlogMost = 4_194_304
