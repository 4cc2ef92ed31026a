/**
 * The typed client's types are computed from the table of operations. The compiler checks this file (`npm run check`):
 * a payload, a success or an error that becomes `any`, `unknown` or wider is a type error here.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Effect } from "effect"
import type { RpcClientError } from "effect/rpc"
import type { ClientShape } from "../../src/rpc/Client.ts"
import { ClientRpcs } from "../../src/rpc/ClientRpcs.ts"
import { type EveryOperation, everyOperation } from "../../src/rpc/operations/Operations.ts"
import type * as Errors from "../../src/schema/Errors.ts"
import type { LaneName, TaskId, TenantId } from "../../src/schema/Ids.ts"
import type { TaskStatus } from "../../src/schema/Task.ts"
import type { ConfigureLane } from "../../src/rpc/Requests.ts"
import type { LaneStatus } from "../../src/schema/Lane.ts"

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<A> = 0 extends 1 & A ? true : false
type IsUnknown<A> = IsAny<A> extends true ? false : unknown extends A ? true : false

/** `any` or `unknown` in a value or, up to four levels deep, in what it consists of. */
type IsLoose<A, Depth extends ReadonlyArray<0> = []> = Depth["length"] extends 4
  ? false
  : true extends IsAny<A> | IsUnknown<A>
    ? true
    : A extends string | number | boolean | null | undefined
      ? false
      : A extends object
        ? { [K in keyof A]-?: IsLoose<A[K], [...Depth, 0]> }[keyof A &
            (A extends ReadonlyArray<unknown> ? number : unknown)]
        : false

type Tag = keyof ClientRpcTags
type ClientRpcTags = Omit<ClientShape, "awaitTask" | "awaitTurn" | "events">
type Payload<T extends Tag> = Parameters<ClientShape[T]>[0]
type Success<T extends Tag> = Effect.Success<ReturnType<ClientShape[T]>>
type Failure<T extends Tag> = Effect.Error<ReturnType<ClientShape[T]>>
type Edge = Errors.Unauthenticated | Errors.Forbidden | RpcClientError.RpcClientError
type Read = Errors.InvalidInput | Errors.NotFound | Errors.ActorUnavailable
type Change = Read | Errors.Conflict | Errors.IdempotencyConflict | Errors.Overloaded

const holds = <_ extends true>(): true => true

describe("the typed client's types", () => {
  it("have a call for every operation on RPC, and for nothing else", () => {
    holds<Equals<Tag, Exclude<Extract<EveryOperation, { isOnRpc: true }>["tag"], "FollowEvents">>>()
    assert.deepStrictEqual(
      [...ClientRpcs.requests.keys()],
      everyOperation.filter(({ operation }) => operation.isOnRpc).map(({ operation }) => operation.tag)
    )
  })

  it("say of no payload, success or error that it is anything", () => {
    // `gatewayConfig` is any JSON, for which Effect's own constructor takes `unknown`.
    type Documents = "RegisterInstance" | "UpdateInstance"
    holds<Equals<{ [T in Tag]: true extends IsLoose<Payload<T>> ? T : never }[Tag], Documents>>()
    holds<Equals<{ [T in Tag]: true extends IsLoose<Success<T>> ? T : never }[Tag], never>>()
    holds<Equals<{ [T in Tag]: true extends IsAny<Failure<T>> | IsUnknown<Failure<T>> ? T : never }[Tag], never>>()
    holds<IsLoose<{ readonly items: ReadonlyArray<{ readonly of: any }> }>>()
  })

  it("are exact: a read, a wait, a change with a whole object as one field", () => {
    holds<Equals<Payload<"GetTask">, { readonly taskId: TaskId; readonly tenantId?: TenantId }>>()
    holds<Equals<Success<"GetTask">, TaskStatus>>()
    holds<Equals<Failure<"GetTask">, Read | Edge>>()
    holds<Equals<Payload<"WaitTask">["millis"], number>>()
    holds<
      Equals<
        Payload<"ConfigureLane">,
        {
          readonly lane: LaneName
          readonly tenantId?: TenantId
          readonly config: (typeof ConfigureLane)["~type.make.in"]
        }
      >
    >()
    holds<Equals<Success<"ConfigureLane">, LaneStatus>>()
    holds<Equals<Failure<"ConfigureLane">, Change | Edge>>()
    holds<Equals<Failure<"InstanceLogs">, Read | Errors.Conflict | Edge>>()
  })
})
