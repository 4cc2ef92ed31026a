/**
 * Port: the operations of the public API that the commands use, derived from their definitions (`rpc/operations`), in
 * the types of the protocol.
 */
import { Context, type Effect, Schema, type Stream } from "effect"
import type { NounName, OperationOf, RequestOf, SuccessOf, Verb } from "../../rpc/operations/Operations.ts"
import type {
  ActorUnavailable,
  Conflict,
  Forbidden,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  Overloaded,
  PayloadTooLarge,
  Unauthenticated
} from "../../schema/Errors.ts"
import type { Cursor, FeedEvent } from "../../schema/feed/Feed.ts"
import type { InstanceId, SessionId, TaskId, TenantId } from "../../schema/Ids.ts"

/** The command cannot start: a flag, a variable or a file is invalid. */
export class BadSetup extends Schema.TaggedError<BadSetup>()("BadSetup", { message: Schema.String }) {}

/**
 * The gateway could not be reached, or the server at this address is not a Clawster gateway. Whether a command was
 * executed is unknown.
 */
export class ApiUnreachable extends Schema.TaggedError<ApiUnreachable>()("ApiUnreachable", {
  url: Schema.String,
  message: Schema.String
}) {}

export type ApiError =
  | ApiUnreachable
  | InvalidInput
  | Unauthenticated
  | Forbidden
  | NotFound
  | Conflict
  | IdempotencyConflict
  | PayloadTooLarge
  | Overloaded
  | ActorUnavailable
  | BadSetup

type Call<A> = Effect.Effect<A, ApiError>

/** A payload as a command writes it: a field that may be absent may be undefined. */
type Written<P> = { readonly [K in keyof P]: {} extends Pick<P, K> ? P[K] | undefined : P[K] }

/** Only events about this task, session or instance. */
export interface Subject {
  readonly taskId?: TaskId | undefined
  readonly sessionId?: SessionId | undefined
  readonly instanceId?: InstanceId | undefined
}

export interface Mutation {
  /** Generated when absent, so that a retry of one call is the same command. */
  readonly idempotencyKey?: string | undefined
}

/** What is answered once, over RPC. */
type Answered<N extends NounName> = {
  [V in Verb<N>]: OperationOf<N, V> extends { readonly isOnRpc: true; readonly kind: "read" | "wait" | "change" }
    ? V
    : never
}[Verb<N>]

export type Calls = {
  readonly [N in NounName]: {
    readonly [V in Answered<N>]: (
      payload: Written<RequestOf<OperationOf<N, V>>>,
      options?: Mutation
    ) => Call<SuccessOf<OperationOf<N, V>>>
  }
}

export class Api extends Context.Service<
  Api,
  Calls & {
    /** URL of the gateway. */
    readonly url: Call<string>
    /**
     * All events after `after`, or from now on, without gap or repeat. Written by hand, since it is no single call: it
     * continues when connections are lost.
     */
    readonly follow: (
      request: Subject & { readonly after?: Cursor | undefined; readonly tenantId?: TenantId | undefined }
    ) => Stream.Stream<FeedEvent, ApiError>
  }
>()("clawster/cli/api/Api") {}
