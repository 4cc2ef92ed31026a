/** Adapter: the API over the public typed client. */
import { Context, Effect, Layer, Record, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { RpcClientError } from "effect/rpc"
import { operations } from "../../rpc/Catalog.ts"
import { type ClientShape, ClawsterClient } from "../../rpc/Client.ts"
import type { AnyNoun } from "../../rpc/operations/Operation.ts"
import { Unauthenticated } from "../../schema/Errors.ts"
import { Api, type ApiError, ApiUnreachable, type BadSetup, type Calls, type Mutation } from "./Api.ts"
import { connection } from "./Connection.ts"
import { given } from "../Input.ts"

/** Long enough for a failover, but short enough for a user who waits. */
const retryFor = "15 seconds"
const probeTimeout = "5 seconds"

/** Checks that a gateway answers at all, so that a wrong address is reported at once instead of after all retries. */
const probe = (url: string) =>
  HttpClient.get(`${url}/live`).pipe(
    Effect.timeout(probeTimeout),
    Effect.mapError(() => new ApiUnreachable({ url, message: `no gateway answers at ${url}` })),
    Effect.flatMap(({ status }) =>
      status === 200
        ? Effect.void
        : Effect.fail(
            new ApiUnreachable({ url, message: `what answers at ${url} is no Clawster gateway (GET /live: ${status})` })
          )
    ),
    Effect.withTracerEnabled(false)
  )

type Failure = Exclude<ApiError, ApiUnreachable | BadSetup> | RpcClientError.RpcClientError

const told =
  (url: string) =>
  (error: Failure): ApiError =>
    error instanceof RpcClientError.RpcClientError
      ? new ApiUnreachable({ url, message: `the gateway at ${url} did not answer as expected: ${error.message}` })
      : error

interface Connected {
  readonly client: ClientShape
  readonly url: string
}

type Method = (payload: object, options?: Mutation) => Effect.Effect<unknown, Failure>

const made = (connect: Effect.Effect<Connected, ApiError>): Api["Service"] => {
  const callOf =
    (tag: string) =>
    (payload: object, options?: Mutation): Effect.Effect<unknown, ApiError> =>
      Effect.flatMap(connect, ({ client, url }) => {
        const methods = client as unknown as Record<string, Method>
        return Effect.mapError(methods[tag]!(given(payload), options), told(url))
      })
  const callsOf = ({ operations }: AnyNoun) =>
    Object.fromEntries(
      Object.entries(operations)
        .filter(([, { isOnRpc, kind }]) => isOnRpc && kind !== "stream")
        .map(([verb, { tag }]) => [verb, callOf(tag)])
    )
  return Api.of({
    // A fold over the table loses the types of each call, which `Calls` computes from the same table.
    ...(Record.map(operations, callsOf) as unknown as Calls),
    url: Effect.map(connect, ({ url }) => url),
    follow: ({ after, ...filter }) =>
      Stream.unwrap(
        Effect.map(connect, ({ client, url }) =>
          Stream.mapError(client.events(given({ cursor: after, ...filter })), told(url))
        )
      )
  })
}

const open = Effect.gen(function* () {
  const { apiKey, url } = yield* connection
  if (apiKey === undefined || Redacted.value(apiKey) === "")
    return yield* new Unauthenticated({ message: "no API key" })
  yield* Effect.provide(probe(url), FetchHttpClient.layer)
  const services = yield* Layer.build(ClawsterClient.layerHttp({ url, apiKey, retryFor }))
  return { client: Context.get(services, ClawsterClient), url }
})

/** Connects at the first call, because help and usage errors need no gateway. */
export const layer = Layer.effect(
  Api,
  Effect.gen(function* () {
    const context = yield* Effect.context<Effect.Services<typeof open>>()
    return made(yield* Effect.cached(Effect.provideContext(open, context)))
  })
)
