/**
 * The caller's identity, and the permission that a call needs. Every endpoint and every public RPC is annotated with
 * its action. A call without the annotation is refused, so that a new endpoint stays closed until its action has been
 * chosen. `clawster call --list` shows the action and the role of every operation.
 */
import { Context, Schema } from "effect"
import { RpcMiddleware } from "effect/rpc"
import { ActorUnavailable, Forbidden, Unauthenticated } from "../schema/Errors.ts"
import type { Principal, Role } from "../schema/access/Principal.ts"

/** A permission. Each noun declares its own beside its operations (`operations/`). */
export interface Action {
  readonly name: `${string}:${"read" | "write"}`
  /** The lowest role that has it: an operator has what a tenant has, an admin has all. */
  readonly role: Role
}

export const action = (name: Action["name"], role: Role): Action => ({ name, role })

export class CurrentPrincipal extends Context.Service<CurrentPrincipal, Principal>()("clawster/rpc/CurrentPrincipal") {}

/** The action of an endpoint or RPC, which the policy checks. */
export class RequiredAction extends Context.Service<RequiredAction, Action>()("clawster/rpc/RequiredAction") {}

/** Name of the RPC header and HTTP header with the caller's idempotency key. */
export const idempotencyKeyHeader = "idempotency-key"

/**
 * Prefix of the idempotency keys that the typed client generates. Such keys are random, so none of them is used for two
 * different requests.
 */
export const drawnKeyPrefix = "drawn-"

export class Authentication extends RpcMiddleware.Service<Authentication, { provides: CurrentPrincipal }>()(
  "clawster/rpc/Authentication",
  { error: Schema.Union([Unauthenticated, Forbidden, ActorUnavailable]), requiredForClient: true }
) {}
