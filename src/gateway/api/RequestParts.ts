/**
 * How the payload of an operation is divided among the parts of a REST request, and put together again: parameters of
 * the path, the body, and the query for all that is in neither.
 */
import { Schema, SchemaAST } from "effect"
import type { AnyOperation, Endpoint } from "../../rpc/operations/Operation.ts"

type Fields = Record<string, Schema.Top>

export interface RequestParts {
  readonly params: Fields | undefined
  readonly query: Fields | undefined
  readonly body: Schema.Top | undefined
}

const pathNames = (path: string): ReadonlyArray<string> => [...path.matchAll(/:([^/]+)/g)].map(([, name]) => name!)

const described = (schema: Schema.Top, text: string): Schema.Top => {
  const before = SchemaAST.resolveDescription(schema.ast)
  return schema.annotate({ description: before === undefined ? text : `${before} ${text}` })
}

/** A list in a query is a parameter that is repeated; one item alone is a list as well. */
const inQuery = (field: Schema.Top): Schema.Top => {
  const { schema } = field as { readonly schema?: Schema.Top }
  return schema !== undefined && SchemaAST.isArrays(schema.ast)
    ? Schema.optionalKey(described(schema, "May be given more than once."))
    : field
}

const some = (fields: ReadonlyArray<readonly [string, Schema.Top]>): Fields | undefined =>
  fields.length === 0 ? undefined : Object.fromEntries(fields)

export const partsOf = (
  { payload }: AnyOperation,
  { absent = {}, body, bodyField, omitted = [], path, renamed = {} }: Endpoint
): RequestParts => {
  const all = Object.entries(payload.fields as Fields)
  const inPath = new Set(pathNames(path))
  const elsewhere = new Set([...inPath, ...Object.keys(body?.fields ?? {}), ...omitted, bodyField])
  const query = all
    .filter(([name]) => !elsewhere.has(name))
    .map(([name, field]) => {
      const value = absent[name]
      const schema = value === undefined ? field : Schema.optionalKey(described(field, `${value} when absent.`))
      return [renamed[name] ?? name, inQuery(schema)] as const
    })
  return {
    params: some(all.filter(([name]) => inPath.has(name))),
    query: some(query),
    body: bodyField === undefined ? body : (payload.fields as Fields)[bodyField]
  }
}

/** The decoded parts of a request. */
export interface Received {
  readonly params?: object
  readonly query?: object
  readonly payload?: unknown
}

/** The payload of the operation, from the decoded parts of a request to the endpoint. */
export const payloadOf = (
  { absent, bodyField, renamed = {} }: Endpoint,
  { params, payload, query }: Received
): object => {
  const fields = Object.entries(renamed).map(([field, name]) => [name, field] as const)
  const original = new Map(fields)
  return {
    ...absent,
    ...params,
    ...Object.fromEntries(Object.entries(query ?? {}).map(([name, value]) => [original.get(name) ?? name, value])),
    ...(bodyField === undefined ? (payload as object | undefined) : { [bodyField]: payload })
  }
}
