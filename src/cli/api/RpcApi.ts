/** Adapter: the API over the public typed client. */
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { RpcClientError } from "effect/rpc"
import { type ClientShape, ClawsterClient } from "../../rpc/Client.ts"
import { Unauthenticated } from "../../schema/Errors.ts"
import { Api, type ApiError, ApiUnreachable, type BadSetup } from "./Api.ts"
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

type Service = Api["Service"]

/** A call of the client, once it is connected. */
type Call = <A>(ask: (client: ClientShape) => Effect.Effect<A, Failure>) => Effect.Effect<A, ApiError>

const made = (connect: Effect.Effect<Connected, ApiError>): Service => {
  const call: Call = (ask) => Effect.flatMap(connect, ({ client, url }) => Effect.mapError(ask(client), told(url)))
  return Api.of({
    url: Effect.map(connect, ({ url }) => url),
    me: call((client) => client.Me({})),
    tasks: tasks(call),
    instances: instances(call),
    sessions: sessions(call),
    lanes: lanes(call),
    keys: keys(call),
    cluster: cluster(call),
    position: Effect.map(
      call((client) => client.FeedPosition({})),
      ({ position }) => position
    ),
    follow: ({ after, ...filter }) =>
      Stream.unwrap(
        Effect.map(connect, ({ client, url }) =>
          Stream.mapError(client.events(given({ cursor: after, ...filter })), told(url))
        )
      )
  })
}

const tasks = (call: Call): Service["tasks"] => ({
  submit: (tasks, options) => call((client) => client.SubmitTasks({ tasks }, options)),
  get: (address) => call((client) => client.GetTask(given(address))),
  result: (request) => call((client) => client.TaskResult(given(request))),
  list: (request) => call((client) => client.ListTasks(given(request))),
  cancel: (request) => call((client) => client.CancelTask(given(request))),
  cancelMany: (request) => call((client) => client.CancelTasks(request)),
  replay: (request) => call((client) => client.ReplayTasks(request)),
  events: (request) => call((client) => client.TaskEvents(given(request))),
  wait: (request) => call((client) => client.WaitTask(given(request)))
})

const instances = (call: Call): Service["instances"] => ({
  register: (registration) => call((client) => client.RegisterInstance(registration)),
  update: (instanceId, update) => call((client) => client.UpdateInstance({ instanceId, update })),
  list: (request) => call((client) => client.ListInstances(given(request))),
  get: (instanceId) => call((client) => client.GetInstance({ instanceId })),
  health: (instanceId) => call((client) => client.InstanceHealth({ instanceId })),
  start: (instanceId) => call((client) => client.StartInstance({ instanceId })),
  stop: (instanceId, graceMillis) => call((client) => client.StopInstance(given({ instanceId, graceMillis }))),
  drain: (instanceId, deadlineMillis) => call((client) => client.DrainInstance(given({ instanceId, deadlineMillis }))),
  deregister: (instanceId, force) => call((client) => client.DeregisterInstance({ instanceId, force })),
  logs: (instanceId, query) => call((client) => client.InstanceLogs(given({ instanceId, ...query }))),
  metrics: (instanceId) => call((client) => client.InstanceMetrics({ instanceId }))
})

const sessions = (call: Call): Service["sessions"] => ({
  create: (request) => call((client) => client.CreateSession(request)),
  get: (address) => call((client) => client.GetSession(given(address))),
  list: (request) => call((client) => client.ListSessions(given(request))),
  send: (address, turn, options) => call((client) => client.SendTurn(given({ ...address, ...turn }), options)),
  steer: (address, request) => call((client) => client.SteerSession(given({ ...address, ...request }))),
  turnResult: (request) => call((client) => client.TurnResult(given(request))),
  waitTurn: (request) => call((client) => client.WaitTurn(given(request))),
  abort: (address, request) => call((client) => client.AbortSession(given({ ...address, ...request }))),
  move: (address, instanceId) => call((client) => client.MoveSession(given({ ...address, instanceId }))),
  terminate: (address) => call((client) => client.TerminateSession(given(address)))
})

const lanes = (call: Call): Service["lanes"] => ({
  get: (address) => call((client) => client.GetLane(given(address))),
  list: (request) => call((client) => client.ListLanes(given(request))),
  configure: (address, config) => call((client) => client.ConfigureLane({ ...given(address), config }))
})

const keys = (call: Call): Service["keys"] => ({
  create: (request) => call((client) => client.CreateKey(request)),
  list: (request) => call((client) => client.ListKeys(given(request))),
  revoke: (keyId) => call((client) => client.RevokeKey({ keyId }))
})

const cluster = (call: Call): Service["cluster"] => ({
  runners: Effect.map(
    call((client) => client.ListRunners({})),
    ({ items }) => items
  ),
  shards: Effect.map(
    call((client) => client.ListShards({})),
    ({ items }) => items
  )
})

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
