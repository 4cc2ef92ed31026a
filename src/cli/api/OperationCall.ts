/**
 * Calls an operation by its name, noun and verb with a dot between, as the table of operations has it: no operation
 * needs a command of its own.
 */
import { Effect, Schema, SchemaAST } from "effect"
import type { AnyOperation } from "../../rpc/operations/Operation.ts"
import { everyOperation } from "../../rpc/operations/Operations.ts"
import { InvalidInput } from "../../schema/Errors.ts"
import { faultsOf } from "../../schema/text/FieldFaults.ts"
import { BadInput } from "../Input.ts"
import { Api, type ApiError, type Mutation } from "./Api.ts"

export interface NamedOperation {
  readonly noun: string
  readonly verb: string
  readonly operation: AnyOperation
}

export const nameOf = ({ noun, verb }: NamedOperation): string => `${noun}.${verb}`

/** Why it cannot be called so, with what to use instead; undefined when it can. */
const refusalOf = (named: NamedOperation): string | undefined => {
  const { cli, isOnRpc, kind, rest } = named.operation
  if (kind === "stream") return `${nameOf(named)} answers without end; use clawster ${cli}`
  if (!isOnRpc) return `${nameOf(named)} is of REST alone: ${rest[0]!.method} /api/v1${rest[0]!.path}`
  return undefined
}

export const isCallable = (named: NamedOperation): boolean => refusalOf(named) === undefined

export interface PayloadField {
  readonly name: string
  readonly isOptional: boolean
}

export const fieldsOf = ({ payload }: AnyOperation): ReadonlyArray<PayloadField> =>
  Object.entries(payload.fields).map(([name, { ast }]) => ({ name, isOptional: SchemaAST.isOptional(ast) }))

/** Fails with `BadInput` when there is none of the name, or it cannot be called by it. */
export const find = (name: string): Effect.Effect<NamedOperation, BadInput> => {
  const found = everyOperation.find((entry) => nameOf(entry) === name)
  const refusal =
    found === undefined ? `there is no operation ${name}; clawster call --list shows them` : refusalOf(found)
  return found === undefined || refusal !== undefined
    ? Effect.fail(new BadInput({ message: refusal! }))
    : Effect.succeed(found)
}

/** The payload by the operation's own schema, before anything is sent. `InvalidInput` names each field at fault. */
const checked = (named: NamedOperation, given: object): Effect.Effect<object, InvalidInput> =>
  Schema.decodeUnknownEffect(Schema.toCodecJson(named.operation.payload) as unknown as Schema.Codec<object, unknown>)(
    given,
    { onExcessProperty: "error", errors: "all" }
  ).pipe(
    Effect.mapError(({ issue }) => {
      const faults = faultsOf(issue)
      const fields = faults.map(({ path }) => path).filter((path) => path !== "")
      const see = fields.length === 0 ? "" : `: see ${fields.join(", ")}`
      return new InvalidInput({ message: `the payload of ${nameOf(named)} is not as documented${see}`, faults })
    })
  )

type Method = (payload: object, options?: Mutation) => Effect.Effect<unknown, ApiError>

/** The success as JSON. `defaults` are for fields of the payload that are absent, where it has such fields. */
export const call = Effect.fnUntraced(function* (
  named: NamedOperation,
  given: object,
  defaults: Readonly<Record<string, unknown>>,
  options: Mutation
) {
  const { payload, success } = named.operation
  const known = Object.entries(defaults).filter(([field, value]) => value !== undefined && field in payload.fields)
  const request = yield* checked(named, { ...Object.fromEntries(known), ...given })
  const api = yield* Api
  // The fold over the table knows no types; the payload was decoded by the operation's own schema.
  const methods = api[named.noun as keyof typeof api] as unknown as Readonly<Record<string, Method>>
  const value = yield* methods[named.verb]!(request, options)
  const encode = Schema.encodeUnknownEffect(Schema.toCodecJson(success) as unknown as Schema.Codec<unknown, unknown>)
  return yield* Effect.orDie(encode(value, { disableChecks: true }))
})
