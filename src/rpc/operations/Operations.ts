/** The one table of the public operations, by noun. Every edge is a fold over it. */
import type { Schema } from "effect"
import { Instances } from "./Instances.ts"
import { Keys } from "./Keys.ts"
import { Lanes } from "./Lanes.ts"
import { Messages } from "./Messages.ts"
import type { AnyOperation } from "./Operation.ts"
import { Sessions } from "./Sessions.ts"
import { System } from "./System.ts"
import { Tasks } from "./Tasks.ts"

export const operations = {
  tasks: Tasks,
  instances: Instances,
  sessions: Sessions,
  lanes: Lanes,
  keys: Keys,
  messages: Messages,
  system: System
}

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
