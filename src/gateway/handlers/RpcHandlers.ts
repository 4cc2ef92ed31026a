/** Handlers of the public RPCs, derived from the table of operations: the caller, its idempotency key, its use case. */
import { Effect, Stream } from "effect"
import type { Rpc, RpcGroup } from "effect/rpc"
import { Authenticator } from "../../auth/Authenticator.ts"
import type { CurrentPrincipal } from "../../rpc/Authentication.ts"
import { ClientRpcs } from "../../rpc/ClientRpcs.ts"
import type { AnyOperation } from "../../rpc/operations/Operation.ts"
import { everyOperation } from "../../rpc/operations/Operations.ts"
import { type Incoming, rpcCall } from "./RpcCall.ts"
import { useCases } from "./UseCaseTable.ts"

type Rpcs = RpcGroup.Rpcs<typeof ClientRpcs>
type Handlers = { readonly [R in Rpcs as R["_tag"]]: Rpc.ToHandlerFn<R, CurrentPrincipal> }

export const RpcHandlers = ClientRpcs.toLayer(
  Effect.gen(function* () {
    const { changing, reading } = yield* rpcCall
    const authenticator = yield* Authenticator
    const use = yield* useCases

    const callOf = ({ kind, tag }: AnyOperation, payload: object, incoming: Incoming) =>
      kind === "change" ? changing(tag, payload, incoming) : reading

    const handlers = everyOperation
      .filter(({ operation }) => operation.isOnRpc)
      .map(({ noun, operation, verb }) => [
        operation.tag,
        operation.kind === "stream"
          ? (payload: object, { headers }: Incoming) =>
              Stream.unwrap(Effect.map(reading, (call) => use.stream(noun, verb)(call, payload))).pipe(
                Stream.interruptWhen(authenticator.untilRevoked(headers["authorization"]))
              )
          : (payload: object, incoming: Incoming) =>
              Effect.flatMap(callOf(operation, payload, incoming), (call) => use.effect(noun, verb)(call, payload))
      ])
    // Each handler has the types of its operation by `UseCaseTable`; a list of pairs cannot say so.
    return Object.fromEntries(handlers) as unknown as Handlers
  })
)
