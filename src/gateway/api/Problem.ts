/**
 * The single error envelope of REST: `application/problem+json`. `code` is stable, for programs to branch on. `faults`
 * name the fields. `layer` names the limit that refuses. `retryAfterMillis` (also sent as a `Retry-After` header) says
 * when the same request, with the same idempotency key, may succeed.
 */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"
import type { AnyOperation } from "../../rpc/operations/Operation.ts"
import { FieldFault } from "../../schema/Errors.ts"

const fields = {
  type: Schema.Literal("about:blank"),
  title: Schema.String,
  message: Schema.String,
  /** The invalid fields, with the accepted values of each. */
  faults: Schema.optionalKey(Schema.Array(FieldFault)),
  /** The limit that was reached, or whose state does not allow it: `tenant acme`, `lane main`, `session talk`. */
  layer: Schema.optionalKey(Schema.String),
  retryAfterMillis: Schema.optionalKey(Schema.Int)
}

const problem = <const Status extends number, const Code extends string>(
  status: Status,
  code: Code,
  title: string,
  description: string
) => ({
  code,
  title,
  status,
  schema: Schema.Struct({ ...fields, status: Schema.Literal(status), code: Schema.Literal(code) })
    .annotate({ identifier: `Problem.${code}`, description, httpApiStatus: status })
    .pipe(HttpApiSchema.asJson({ contentType: "application/problem+json" }))
})

export const problems = {
  InvalidInput: problem(400, "InvalidInput", "Invalid input", "The request is not as documented. Nothing was stored."),
  Unauthenticated: problem(401, "Unauthenticated", "No valid key", "The API key is missing, wrong or revoked."),
  Forbidden: problem(403, "Forbidden", "Not allowed", "The key's role may not do this."),
  NotFound: problem(404, "NotFound", "Not found", "It does not exist, or belongs to another tenant."),
  MethodNotAllowed: problem(405, "MethodNotAllowed", "Method not allowed", "The path has other methods: see `Allow`."),
  Conflict: problem(409, "Conflict", "Conflict", "Its state does not allow this. Nothing changed."),
  PayloadTooLarge: problem(413, "PayloadTooLarge", "Body too large", "The body is over the limit. Nothing was stored."),
  UnsupportedMediaType: problem(415, "UnsupportedMediaType", "Not JSON", "Send `Content-Type: application/json`."),
  IdempotencyConflict: problem(
    422,
    "IdempotencyConflict",
    "Idempotency key reused",
    "The idempotency key stood for another request. Nothing changed."
  ),
  Overloaded: problem(429, "Overloaded", "Too much", "A bound was met. Nothing was stored; try again later."),
  InternalError: problem(500, "InternalError", "Internal error", "A fault of the server; it is in its log."),
  ActorUnavailable: problem(
    503,
    "ActorUnavailable",
    "Unavailable",
    "It may or may not have been done: send the same request with the same idempotency key again."
  )
} as const

export type ProblemCode = keyof typeof problems

const schemasOf = (codes: ReadonlyArray<ProblemCode>) => codes.map((code) => problems[code].schema)

/** The problems that every endpoint with a key may return. */
const any = ["InvalidInput", "Unauthenticated", "Forbidden", "NotFound", "InternalError", "ActorUnavailable"] as const
/** The problems of a body. */
const ofBodies = ["PayloadTooLarge", "UnsupportedMediaType"] as const

export const readProblems = schemasOf(any)

/** The problems that an operation's endpoint may return: its errors, and those of the edge itself. */
export const problemsOf = ({ error, kind }: AnyOperation) => {
  const own = error.members.map((member) => (member as unknown as { readonly identifier: ProblemCode }).identifier)
  return schemasOf([...new Set([...any, ...own, ...(kind === "change" ? ofBodies : [])])])
}
