/**
 * The demo's REST calls, as any HTTP client would make them. A temporary failure is retried under the same idempotency
 * key.
 */
import { Effect, Schedule, Schema } from "effect"

export class RestFailed extends Schema.TaggedError<RestFailed>()("RestFailed", {
  message: Schema.String,
  status: Schema.Int
}) {}

export interface Rest {
  readonly get: <A>(path: string) => Effect.Effect<A, RestFailed>
  readonly post: <A>(path: string, body: unknown, key: string) => Effect.Effect<A, RestFailed>
}

const isPassing = ({ status }: RestFailed) => status === 0 || status === 429 || status >= 500

const patience = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.upTo({ duration: "30 seconds" })
)

export const make = (url: string, apiKey: string): Rest => {
  const call = <A>(method: string, path: string, body?: unknown, key?: string) =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(`${url}/api/v1${path}`, {
          method,
          signal,
          headers: {
            authorization: `Bearer ${apiKey}`,
            "content-type": "application/json",
            ...(key === undefined ? {} : { "idempotency-key": key })
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
        return { status: response.status, text: await response.text() }
      },
      catch: (error) => new RestFailed({ message: String(error), status: 0 })
    }).pipe(
      Effect.flatMap(({ status, text }) =>
        status < 300
          ? Effect.succeed(JSON.parse(text) as A)
          : Effect.fail(new RestFailed({ message: `${method} ${path}: ${status} ${text}`, status }))
      ),
      Effect.retry({ while: isPassing, schedule: patience })
    )
  return {
    get: (path) => call("GET", path),
    post: (path, body, key) => call("POST", path, body, key)
  }
}
