/** The REST endpoints of the operations, derived from their definitions (`rpc/operations`). */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiSchema } from "effect/http-api"
import { idempotencyKeyHeader } from "../../rpc/Authentication.ts"
import type { AnyOperation, Endpoint } from "../../rpc/operations/Operation.ts"
import { everyOperation, type NounName } from "../../rpc/operations/Operations.ts"
import { IdempotencyKey } from "../../schema/Ids.ts"
import { endpoint } from "./HttpAuthentication.ts"
import { problemsOf } from "./Problem.ts"
import { partsOf } from "./RequestParts.ts"

/** Header of every change: the same key and request return the same answer, and the change takes effect once. */
const keyHeader = {
  [idempotencyKeyHeader]: Schema.optionalKey(
    IdempotencyKey.annotate({
      description:
        "1 to 255 visible characters of your choice, one for each change: repeat it when you repeat the request."
    })
  )
}

/**
 * An endpoint as the contract holds it. A fold over the table cannot keep the types of each endpoint's parts, and
 * nothing in this process reads them: the parts are decoded by their schemas, which need no services, and what a
 * handler makes of them is checked where the use case meets its operation.
 */
export type RestEndpoint = HttpApiEndpoint.HttpApiEndpoint<
  string,
  Endpoint["method"],
  Endpoint["path"],
  Schema.Codec<object, unknown>,
  Schema.Codec<object, unknown>,
  Schema.Codec<unknown, unknown>,
  Schema.Codec<{ readonly [idempotencyKeyHeader]?: string }, unknown>,
  Schema.Codec<unknown, unknown>,
  Schema.Codec<never, unknown>
>

export interface OperationEndpoint {
  readonly noun: NounName
  readonly verb: string
  /** Within the noun. */
  readonly id: string
  readonly operation: AnyOperation
  readonly endpoint: Endpoint
}

export const operationEndpoints: ReadonlyArray<OperationEndpoint> = everyOperation.flatMap((entry) =>
  entry.operation.rest.map((endpoint) => ({ ...entry, endpoint, id: endpoint.id ?? entry.verb }))
)

const successOf = ({ success }: AnyOperation, { status = 200, text }: Endpoint): Schema.Top =>
  text === undefined
    ? success.pipe(HttpApiSchema.status(status))
    : Schema.String.pipe(HttpApiSchema.asText({ contentType: text }))

const made = ({ endpoint: it, id, operation }: OperationEndpoint) => {
  const { body, params, query } = partsOf(operation, it)
  const contract = HttpApiEndpoint.make(it.method)(id, it.path, {
    params,
    query,
    payload: body as (Schema.Top & { readonly sseMode?: never }) | undefined,
    headers: operation.kind === "change" ? keyHeader : undefined,
    success: successOf(operation, it),
    error: problemsOf(operation)
  }) as unknown as RestEndpoint
  const { description, summary } = { ...operation, ...it }
  return contract.annotateMerge(endpoint(operation.action, summary, description))
}

/** The endpoints of a noun, in the order of its operations. There is at least one. */
export const endpointsOf = (noun: NounName) => {
  const [first, ...rest] = operationEndpoints.filter((entry) => entry.noun === noun).map(made)
  return [first!, ...rest] as const
}
