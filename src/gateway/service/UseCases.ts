/**
 * What the use cases of a noun must offer: one function for each of its operations, of the same name, with the types
 * of the definition (`rpc/operations`). Every edge calls them alike.
 */
import type { Effect, Stream } from "effect"
import type { ErrorOf, NounName, OperationOf, PayloadOf, SuccessOf, Verb } from "../../rpc/operations/Operations.ts"
import type { Call } from "./RequestContext.ts"

type AnswerOf<O> = O extends { readonly kind: "stream" }
  ? Stream.Stream<SuccessOf<O>, ErrorOf<O>>
  : Effect.Effect<SuccessOf<O>, ErrorOf<O>>

export type UseCases<N extends NounName> = {
  readonly [V in Verb<N>]: (call: Call, payload: PayloadOf<OperationOf<N, V>>) => AnswerOf<OperationOf<N, V>>
}

/** The payload of one operation. */
export type Request<N extends NounName, V extends Verb<N>> = PayloadOf<OperationOf<N, V>>
