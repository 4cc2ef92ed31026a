/**
 * Whatever a caller may send is bounded and can be stored: every text has a length and no character that the store
 * refuses, every list a most, every number a range. The test walks the public schemas, so that a new field cannot be
 * forgotten.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema, SchemaAST } from "effect"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import type { Rpc } from "effect/rpc"
import { Api } from "../../src/gateway/api/Api.ts"
import { EventsQuery } from "../../src/gateway/events/EventsSocket.ts"
import { ClientRpcs } from "../../src/rpc/ClientRpcs.ts"
import * as Bounds from "../../src/schema/text/Bounds.ts"

interface Check {
  readonly run?: unknown
  readonly annotations?: { readonly representation?: { readonly id: string; readonly payload: any } }
  readonly checks?: ReadonlyArray<Check>
}

const checksOf = (ast: SchemaAST.AST): ReadonlyArray<Check> => {
  const flat = (checks: ReadonlyArray<Check>): ReadonlyArray<Check> =>
    checks.flatMap((check) => [check, ...flat(check.checks ?? [])])
  return flat((ast.checks ?? []) as unknown as ReadonlyArray<Check>)
}

const has = (ast: SchemaAST.AST, ...ids: ReadonlyArray<string>): boolean =>
  checksOf(ast).some(({ annotations }) => ids.some((id) => annotations?.representation?.id === `effect/schema/${id}`))

/** By what it runs: annotating a schema copies its last check. */
const hasCheck = (ast: SchemaAST.AST, { run }: { readonly run: unknown }): boolean =>
  checksOf(ast).some((check) => check.run === run)

/** From beginning to end, of named characters only. */
const isNarrow = (source: string): boolean =>
  /^\^.*\$$/.test(source) && !/(?<!\\)\.(?![^[]*\])|\[\^|\\[SWDB]/.test(source)
const isBounded = (source: string): boolean => /^\^.*\$$/.test(source) && !/(?<!\\)[+*]|\{\d+,\}/.test(source)

const patternsOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  checksOf(ast).flatMap(({ annotations }) =>
    annotations?.representation?.id === "effect/schema/isPattern"
      ? [
          String(
            (annotations as any).arbitraryConstraint.patterns[0].source ?? annotations.representation.payload.source
          )
        ]
      : []
  )

const textFaults = (ast: SchemaAST.AST): ReadonlyArray<string> => [
  ...(has(ast, "isMaxLength", "isLengthBetween") || patternsOf(ast).some(isBounded) ? [] : ["a text of any length"]),
  ...(hasCheck(ast, Bounds.storable) || patternsOf(ast).some(isNarrow) ? [] : ["a text that may not be storable"])
]

const numberFaults = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  has(ast, "isBetween") ||
  (has(ast, "isGreaterThan", "isGreaterThanOrEqualTo") && has(ast, "isLessThan", "isLessThanOrEqualTo"))
    ? []
    : ["a number without a range"]

const faultsOf = (ast: SchemaAST.AST, path: string): ReadonlyArray<string> => {
  const here = (faults: ReadonlyArray<string>) => faults.map((fault) => `${path}: ${fault}`)
  switch (ast._tag) {
    case "String":
      return here(textFaults(ast))
    case "Number":
      return here(numberFaults(ast))
    case "Boolean":
    case "Literal":
    case "Void":
    case "Null":
    case "Undefined":
      return []
    case "Arrays":
      return [
        ...(ast.rest.length === 0 || has(ast, "isMaxLength", "isLengthBetween") ? [] : here(["a list of any length"])),
        ...[...ast.elements, ...ast.rest].flatMap((item, index) => faultsOf(item, `${path}[${index}]`))
      ]
    case "Objects":
      return [
        ...ast.propertySignatures.flatMap(({ name, type }) => faultsOf(type, `${path}.${String(name)}`)),
        ...(ast.indexSignatures.length === 0 || has(ast, "isMaxProperties") ? [] : here(["a record of any size"])),
        ...ast.indexSignatures.flatMap(({ parameter, type }) => [
          ...faultsOf(parameter, `${path} key`),
          ...faultsOf(type, `${path} value`)
        ])
      ]
    case "Union":
      return ast.types.flatMap((member, index) => faultsOf(member, `${path}|${index}`))
    default:
      return hasCheck(ast, Bounds.documentBound) ? [] : here([`a value without a bound (${ast._tag})`])
  }
}

const of = (schema: Schema.Top | undefined, path: string): ReadonlyArray<string> =>
  schema === undefined ? [] : faultsOf(SchemaAST.toType(schema.ast), path)

const endpoints = (): ReadonlyArray<HttpApiEndpoint.Top> => {
  const found: Array<HttpApiEndpoint.Top> = []
  HttpApi.reflect(Api, { onGroup: () => {}, onEndpoint: ({ endpoint }) => void found.push(endpoint) })
  return found
}

describe("what callers may send is bounded and storable", () => {
  it.each(endpoints().map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    "%s",
    (name, endpoint) => {
      const payloads = [...endpoint.payload.values()].flatMap(({ schemas }) => schemas as ReadonlyArray<Schema.Top>)
      assert.deepStrictEqual(
        [
          ...of(endpoint.params, `${name} path`),
          ...of(endpoint.query, `${name} query`),
          ...of(endpoint.headers, `${name} headers`),
          ...payloads.flatMap((payload) => of(payload, `${name} body`))
        ],
        []
      )
    }
  )

  it.each([...ClientRpcs.requests.values()].map((rpc) => [rpc._tag, rpc as unknown as Rpc.AnyWithProps] as const))(
    "RPC %s",
    (tag, { payloadSchema }) => {
      assert.deepStrictEqual(of(payloadSchema, tag), [])
    }
  )

  it("the query of the event socket", () => {
    assert.deepStrictEqual(of(EventsQuery, "events"), [])
  })
})

describe("the walk over the public schemas", () => {
  const record = Schema.Record(Schema.String, Schema.Boolean)
  it.each([
    ["a text of any length", Schema.String],
    ["a text of any length", Schema.String.check(Schema.isPattern(/^[a-z]+$/u), Bounds.storable)],
    ["a text that may not be storable", Schema.String.check(Schema.isMaxLength(9))],
    ["a text that may not be storable", Schema.String.check(Schema.isMaxLength(9), Schema.isPattern(/^a.c$/u))],
    ["a list of any length", Schema.Array(Schema.Boolean)],
    ["a record of any size", record],
    ["a number without a range", Schema.Int.check(Schema.isGreaterThan(0))],
    ["a value without a bound", Schema.Json]
  ])("finds %s", (fault, schema) => {
    const found = of(Schema.Struct({ field: Schema.optionalKey(Schema.Union([schema, Schema.Null])) }), "").join("\n")
    assert.include(found, fault)
  })
})
