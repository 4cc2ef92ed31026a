/**
 * What a public operation is. Each is defined once, in the file of its noun; the RPC group, the typed client, the REST
 * contract with its OpenAPI texts, the handlers of both edges and the command line's client are derived from the
 * definition. Written by hand is what the operation does: its use case (`gateway/service`).
 */
import { Schema } from "effect"
import {
  ActorUnavailable,
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded,
  Unauthenticated
} from "../../schema/Errors.ts"
import type { Action } from "../Authentication.ts"

/**
 * `read` changes nothing. `wait` is a read that answers when what it waits for has happened, or after the `millis` of
 * its payload. `change` carries an idempotency key. `stream` answers with any number of items, for as long as the
 * caller's key is valid.
 */
export type Kind = "read" | "wait" | "change" | "stream"

/** How REST serves an operation. Payload fields that are neither in the path nor in the body are in the query. */
export interface Endpoint<Field extends string = string> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** A parameter is written as `:name` of the payload field. */
  readonly path: `/${string}`
  /** Of a success; 200 when absent. */
  readonly status?: number
  /** The body consists of these fields of the payload. */
  readonly body?: Schema.Top & { readonly fields: Schema.Struct.Fields }
  /** The body is this one field of the payload. */
  readonly bodyField?: Field
  /** The name of a query parameter where it is not that of its field. */
  readonly renamed?: { readonly [F in Field]?: string }
  /** The values of required fields that REST allows to be absent from the query. */
  readonly absent?: { readonly [F in Field]?: unknown }
  /** Fields that REST does not have. */
  readonly omitted?: ReadonlyArray<Field>
  /** The content type of an answer that is a text instead of the success as JSON. */
  readonly text?: string
  /** The endpoint's id in the contract, and what it says of itself, where not as the operation. */
  readonly id?: string
  readonly summary?: string
  readonly description?: string
}

type Errors = Schema.Union<ReadonlyArray<Schema.Top>>

export interface Operation<
  Tag extends string,
  K extends Kind,
  Fields extends Schema.Struct.Fields,
  Success extends Schema.Top,
  Error extends Schema.Top,
  IsOnRpc extends boolean
> {
  /** The RPC's tag. Clients depend on it, so it never changes. */
  readonly tag: Tag
  readonly kind: K
  readonly action: Action
  readonly summary: string
  readonly description: string
  readonly payload: Schema.Struct<Fields>
  readonly success: Success
  readonly error: Error
  readonly isOnRpc: IsOnRpc
  readonly rest: ReadonlyArray<Endpoint>
  /** The command that calls it, without the program's name; absent for what no command needs. */
  readonly cli?: string | undefined
}

/** An operation of which only the shape is known, for folds that treat all alike. */
export interface AnyOperation extends Omit<
  Operation<string, Kind, Schema.Struct.Fields, Schema.Top, Errors, boolean>,
  "payload"
> {
  readonly payload: Schema.Top & { readonly fields: Schema.Struct.Fields }
}

interface Definition<Fields extends Schema.Struct.Fields, Success extends Schema.Top> {
  readonly action: Action
  readonly summary: string
  /** What holds after success, failure and timeout. */
  readonly description: string
  readonly payload: Fields
  readonly success: Success
  readonly rest?: RestOf<keyof NoInfer<Fields> & string>
  readonly cli?: string
}

type RestOf<Field extends string> = Endpoint<Field> | ReadonlyArray<Endpoint<Field>>

const ReadError = Schema.Union([InvalidInput, NotFound, ActorUnavailable])
const AskError = Schema.Union([InvalidInput, NotFound, Conflict, ActorUnavailable])
const ChangeError = Schema.Union([InvalidInput, NotFound, Conflict, IdempotencyConflict, Overloaded, ActorUnavailable])
const FollowError = Schema.Union([InvalidInput, NotFound, ActorUnavailable, Unauthenticated])

const define =
  <const K extends Kind, Error extends Schema.Top>(kind: K, error: Error) =>
  <const Tag extends string, const Fields extends Schema.Struct.Fields, Success extends Schema.Top>(
    tag: Tag,
    { cli, payload, rest = [], ...texts }: Definition<Fields, Success>
  ): Operation<Tag, K, Fields, Success, Error, true> => ({
    ...texts,
    tag,
    kind,
    error,
    payload: Schema.Struct(payload),
    isOnRpc: true,
    rest: "method" in rest ? [rest] : rest,
    cli
  })

export const read = define("read", ReadError)
/** A read that the state of what it reads may refuse. */
export const ask = define("read", AskError)
export const wait = define("wait", ReadError)
export const change = define("change", ChangeError)
export const stream = define("stream", FollowError)

/** An operation that RPC does not have. */
export const restOnly = <O extends AnyOperation>(operation: O): Omit<O, "isOnRpc"> & { readonly isOnRpc: false } => ({
  ...operation,
  isOnRpc: false
})

/** The operations of one noun. Their keys name the endpoint, the use case and the call of the command line's client. */
export interface Noun<Operations extends { readonly [verb: string]: AnyOperation }> {
  readonly title: string
  readonly description: string
  readonly operations: Operations
}

/** A noun of which only the shape is known. */
export type AnyNoun = Noun<{ readonly [verb: string]: AnyOperation }>

export const noun = <const Operations extends { readonly [verb: string]: AnyOperation }>(
  title: string,
  description: string,
  operations: Operations
): Noun<Operations> => ({ title, description, operations })
