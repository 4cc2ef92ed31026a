/**
 * The public RPC group, served over HTTP and WebSocket at `/rpc`, and derived from the definitions of the operations
 * (`operations/`). Use the typed client (`Client.ts`), which retries calls that failed in transit under the same
 * idempotency key.
 */
import { Rpc, RpcGroup, type RpcSchema } from "effect/rpc"
import type { Schema } from "effect"
import { Authentication, RequiredAction } from "./Authentication.ts"
import type { AnyOperation, Operation } from "./operations/Operation.ts"
import { type EveryOperation, everyOperation } from "./operations/Operations.ts"

/** The RPC of an operation; never for an operation that only REST has. */
type RpcOf<O> =
  O extends Operation<infer Tag, infer Kind, infer Fields, infer Success, infer Error, infer IsOnRpc>
    ? IsOnRpc extends false
      ? never
      : Kind extends "stream"
        ? Rpc.Rpc<Tag, Schema.Struct<Fields>, RpcSchema.Stream<Success, Error>>
        : Rpc.Rpc<Tag, Schema.Struct<Fields>, Success, Error>
    : never

const rpcOf = ({ action, error, kind, payload, success, tag }: AnyOperation) =>
  Rpc.make(tag, { payload, success, error, stream: kind === "stream" }).annotate(RequiredAction, action)

/** A fold over a table loses what it knows of each entry, so the type of the result is computed beside it. */
const rpcs = everyOperation
  .filter(({ operation }) => operation.isOnRpc)
  .map(({ operation }) => rpcOf(operation)) as unknown as ReadonlyArray<RpcOf<EveryOperation>>

export class ClientRpcs extends RpcGroup.make(...rpcs).middleware(Authentication) {}
