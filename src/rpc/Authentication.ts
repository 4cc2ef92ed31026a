/**
 * Who calls, and what the call needs. Every endpoint and every public RPC is annotated with the action it is; one
 * without the annotation is refused, so that a new one is closed until somebody has decided who may use it.
 */
import { Context, Schema } from "effect"
import { RpcMiddleware } from "effect/rpc"
import { ActorUnavailable, Forbidden, Unauthenticated } from "../schema/Errors.ts"
import type { Principal } from "../schema/Principal.ts"

export type Action =
  | "task:read"
  | "task:write"
  | "session:read"
  | "session:write"
  | "lane:read"
  | "lane:write"
  | "instance:read"
  | "instance:write"
  | "event:read"
  | "key:read"
  | "key:write"
  | "system:read"
  | "self:read"

export class CurrentPrincipal extends Context.Service<CurrentPrincipal, Principal>()("clawster/rpc/CurrentPrincipal") {}

/** The action an endpoint or RPC is. */
export class RequiredAction extends Context.Service<RequiredAction, Action>()("clawster/rpc/RequiredAction") {}

/** An RPC header and an HTTP header: the caller's idempotency key. */
export const idempotencyKeyHeader = "idempotency-key"

/** What the typed client puts before the keys that it draws itself: nobody uses one of them for two things. */
export const drawnKeyPrefix = "drawn-"

export class Authentication extends RpcMiddleware.Service<Authentication, { provides: CurrentPrincipal }>()(
  "clawster/rpc/Authentication",
  { error: Schema.Union([Unauthenticated, Forbidden, ActorUnavailable]), requiredForClient: true }
) {}
