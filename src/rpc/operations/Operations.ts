/** The one table of the public operations, by noun (Catalog.ts). Every edge is a fold over it. */
import type { Schema } from "effect"
import { operations } from "../Catalog.ts"
import type { AnyOperation } from "./Operation.ts"

export type Operations = typeof operations
export type NounName = keyof Operations
export type Verb<N extends NounName> = keyof Operations[N]["operations"] & string
export type OperationOf<N extends NounName, V extends Verb<N>> = Operations[N]["operations"][V]

/** Every operation, as a union. */
export type EveryOperation = { [N in NounName]: Operations[N]["operations"][Verb<N>] }[NounName]

export type PayloadOf<O> = O extends { readonly payload: Schema.Top } ? O["payload"]["Type"] : never
/** The payload as a caller writes it. */
export type RequestOf<O> = O extends { readonly payload: Schema.Top } ? O["payload"]["~type.make.in"] : never
export type SuccessOf<O> = O extends { readonly success: Schema.Top } ? O["success"]["Type"] : never
export type ErrorOf<O> = O extends { readonly error: Schema.Top } ? O["error"]["Type"] : never

/** Each operation with its place in the table. */
export const everyOperation: ReadonlyArray<{
  readonly noun: NounName
  readonly verb: string
  readonly operation: AnyOperation
}> = Object.entries(operations).flatMap(([noun, { operations }]) =>
  Object.entries(operations).map(([verb, operation]) => ({ noun: noun as NounName, verb, operation }))
)
