/**
 * Converts failures to problem documents. Every failure of REST, health and the WebSocket handshake is converted here.
 */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type {
  ActorUnavailable,
  Conflict,
  FieldFault,
  Forbidden,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded,
  PayloadTooLarge,
  Unauthenticated
} from "../../schema/Errors.ts"
import { type ProblemCode, problems } from "../api/Problem.ts"

export type EdgeError =
  | InvalidInput
  | Unauthenticated
  | Forbidden
  | NotFound
  | Conflict
  | IdempotencyConflict
  | PayloadTooLarge
  | Overloaded
  | ActorUnavailable

interface Details {
  readonly message: string
  readonly faults?: ReadonlyArray<FieldFault>
  readonly layer?: string | undefined
  readonly retryAfterMillis?: number
}

/** Pass `connection: close` when the rest of the body will not be read. */
export const problemResponse = (
  code: ProblemCode,
  { faults, layer, message, retryAfterMillis }: Details,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => {
  const { status, title } = problems[code]
  const body = {
    type: "about:blank",
    title,
    status,
    code,
    message,
    ...(faults === undefined || faults.length === 0 ? {} : { faults }),
    ...(layer === undefined ? {} : { layer }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
  }
  return HttpServerResponse.text(JSON.stringify(body), {
    status,
    contentType: "application/problem+json",
    headers: {
      ...(retryAfterMillis === undefined
        ? {}
        : { "retry-after": String(Math.max(1, Math.ceil(retryAfterMillis / 1_000))) }),
      ...(code === "Unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
      ...headers
    }
  })
}

const detailsOf = (error: EdgeError): Details => {
  switch (error._tag) {
    case "InvalidInput":
      return { message: error.message, faults: error.faults }
    case "NotFound":
      return error.kind === "tenant"
        ? { message: error.message, faults: [{ path: "tenantId", expected: "the tenant of this key" }] }
        : { message: error.message }
    case "Conflict":
      return { message: error.message, layer: error.layer }
    case "Overloaded":
      return { message: error.message, layer: error.layer, retryAfterMillis: error.retryAfterMillis }
    case "ActorUnavailable":
      return { message: error.message, retryAfterMillis: error.retryAfterMillis }
    default:
      return { message: error.message }
  }
}

export const errorResponse = (error: EdgeError): HttpServerResponse.HttpServerResponse =>
  problemResponse(error._tag, detailsOf(error))

/** Converts the failures of a use case to the response. */
export const answer = <A, R>(
  effect: Effect.Effect<A, EdgeError, R>
): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(effect, (error) => Effect.succeed(errorResponse(error)))
