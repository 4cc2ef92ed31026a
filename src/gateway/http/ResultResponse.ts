/** A result as a text that is read from the store while it is sent, so that a long result does not fill memory. */
import { Effect, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { wholeOf } from "../../schema/runs/Output.ts"
import type { Result } from "../service/Results.ts"

/**
 * The first part is read before the response begins, so that a missing result fails with an error response. A response
 * that breaks off later is shorter than its `Content-Length`.
 */
export const resultResponse = Effect.fnUntraced(function* ({ bytes, read }: Result) {
  const first = yield* read(0)
  const text = wholeOf((from) => (from === 0 ? Effect.succeed(first) : read(from)))
  return HttpServerResponse.stream(Stream.encodeText(text), {
    contentType: "text/plain; charset=utf-8",
    contentLength: bytes
  })
})
