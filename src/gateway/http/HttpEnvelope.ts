/**
 * Rules for every response: a limit on the body before it is read, one format for all failures, and headers that
 * prevent caching. Failures that no handler has turned into a response become one here: unknown paths, wrong methods,
 * bodies that are not JSON, and server faults.
 */
import { ByteSize, Cause, Effect } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { timeRequest } from "../../observability/metrics/EdgeMetrics.ts"
import * as Traceparent from "../../observability/Traceparent.ts"
import { requestBytes } from "../../schema/text/Bounds.ts"
import { Overloaded } from "../../schema/Errors.ts"
import { invalidInput } from "../../schema/text/FieldFaults.ts"
import { errorResponse, problemResponse } from "./Respond.ts"
import { bodyBytes, RequestMemory } from "./RequestMemory.ts"
import { methodsOf, routeOf } from "./Routes.ts"

type Response = HttpServerResponse.HttpServerResponse

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}

const pathOf = (url: string): string => {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}

const isBulk = (path: string): boolean => path === "/rpc" || /^\/api(\/v1)?\/tasks\/bulk\/?$/.test(path)

const tooLarge = (limit: number): Response =>
  problemResponse(
    "PayloadTooLarge",
    { message: `the body is larger than ${limit} bytes; nothing was read` },
    { connection: "close" }
  )

const full = Effect.sync(() =>
  HttpServerResponse.setHeader(
    errorResponse(
      new Overloaded({
        layer: "bodies",
        message: "the bodies of requests under way are as long as they may be together; this one was not read",
        retryAfterMillis: 1_000
      })
    ),
    "connection",
    "close"
  )
)

const noRoute = (path: string, method: string): Response => {
  const methods = methodsOf(path)
  if (methods.length === 0) return problemResponse("NotFound", { message: "there is no such path; see /openapi.json" })
  const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ")
  return problemResponse("MethodNotAllowed", { message: `${method} is not possible here; ${allow} is` }, { allow })
}

/** Paths at which GET only upgrades to a WebSocket. */
const socketPaths = new Set(["/rpc", "/events", "/ws"])

const isPlainGet = ({ headers, method }: HttpServerRequest.HttpServerRequest, path: string): boolean =>
  (method === "GET" || method === "HEAD") && socketPaths.has(path) && headers["upgrade"]?.toLowerCase() !== "websocket"

const serverFault = (cause: Cause.Cause<unknown>): Effect.Effect<Response> =>
  Effect.as(
    Effect.logError("A request failed by a fault of the server", cause),
    problemResponse("InternalError", { message: "the server failed; its log says why" })
  )

const isWrongRequest = (error: unknown): error is HttpApiError.HttpApiSchemaError =>
  HttpApiError.HttpApiSchemaError.is(error) && error.kind !== "Body" && error.kind !== "ResponseHeaders"

const responseOf = (
  cause: Cause.Cause<unknown>,
  path: string,
  method: string,
  limit: number
): Effect.Effect<Response> => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") continue
    const error = reason._tag === "Fail" ? reason.error : reason.defect
    if (HttpServerResponse.isHttpServerResponse(error)) return Effect.succeed(error)
    if (isWrongRequest(error)) return Effect.succeed(errorResponse(invalidInput(error.kind, error.cause)))
    if (HttpServerError.isHttpServerError(error)) {
      const fault = error.reason
      if (fault._tag === "RouteNotFound") return Effect.succeed(noRoute(path, method))
      if (fault._tag === "RequestParseError") {
        return Effect.succeed(
          fault.reason === "BodyTooLarge"
            ? tooLarge(limit)
            : problemResponse("InvalidInput", { message: "the request could not be read" })
        )
      }
    }
  }
  return Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : serverFault(cause)
}

/** The library answers an unsupported content type in plain text; this converts the answer to a problem document. */
const inEnvelope = (response: Response): Response =>
  response.status === 415
    ? problemResponse("UnsupportedMediaType", { message: "send the body as `Content-Type: application/json`" })
    : response

/** Sockets are not measured, because they stay open for hours. */
const measured = (request: HttpServerRequest.HttpServerRequest, answer: Effect.Effect<Response>) => {
  const path = pathOf(request.url)
  if (socketPaths.has(path) && request.headers["upgrade"] !== undefined) return answer
  const labels = {
    method: knownMethods.has(request.method) ? request.method : "other",
    route: routeOf(request.method, path) ?? "none"
  }
  return timeRequest(labels, ({ status }) => `${Math.floor(status / 100)}xx`, answer)
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/**
 * Runs the request in a trace: the caller's, or that of this process's tracer, or else a new unsampled one, so that its
 * log lines, its task and the run at the gateway share one correlation id. The response contains the id.
 */
const correlated = (request: HttpServerRequest.HttpServerRequest, answer: Effect.Effect<Response>) =>
  Effect.gen(function* () {
    const given = request.headers["traceparent"]
    const id = Traceparent.correlationId(given)
    const now = yield* Traceparent.current
    const isSpanOfRequest = now !== undefined && (id === undefined || Traceparent.correlationId(now) === id)
    const traceparent = isSpanOfRequest ? now : id === undefined ? yield* Traceparent.ensure : given!
    const response = yield* isSpanOfRequest ? answer : Traceparent.within(traceparent)(answer)
    return HttpServerResponse.setHeader(response, correlationHeader, Traceparent.correlationId(traceparent) ?? "")
  })

/** Header with the trace id of the request, which its log lines contain as well. */
export const correlationHeader = "x-correlation-id"

const envelope = (memory: RequestMemory) => (handler: Effect.Effect<Response, unknown>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    measured(request, correlated(request, answered(memory, request, handler)))
  ).pipe(Effect.map(HttpServerResponse.setHeaders(headers)))

const answered = (
  memory: RequestMemory,
  request: HttpServerRequest.HttpServerRequest,
  handler: Effect.Effect<Response, unknown>
) =>
  Effect.gen(function* () {
    const path = pathOf(request.url)
    const limit = isBulk(path) ? requestBytes.bulk : requestBytes.ordinary
    const bytes = bodyBytes(request, limit)
    if (bytes > limit) return tooLarge(limit)
    if (isPlainGet(request, path))
      return problemResponse("InvalidInput", { message: "connect to this path with a WebSocket" })
    const held = handler.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(limit)),
      Effect.map(inEnvelope),
      Effect.catchCause((cause) => responseOf(cause, path, request.method, limit))
    )
    return yield* memory.holding(bytes, held, full)
  })

export const layer = HttpRouter.use(
  (router) => router.addGlobalMiddleware(envelope(new RequestMemory()) as never) as Effect.Effect<void>
)
