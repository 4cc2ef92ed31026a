/**
 * Who may do what, to whose things. Pure. A role either has an action or not (`Forbidden`); which tenant's things a
 * call sees is decided apart, and what belongs to another tenant is not there (`NotFound`), so that a tenant learns
 * nothing about others.
 */
import { Result } from "effect"
import type { Action } from "../rpc/Authentication.ts"
import { InvalidInput, NotFound } from "../schema/Errors.ts"
import type { TenantId } from "../schema/Ids.ts"
import type { Principal, Role } from "../schema/Principal.ts"

const ofTenants: ReadonlyArray<Action> = [
  "task:read",
  "task:write",
  "session:read",
  "session:write",
  "lane:read",
  "lane:write",
  "instance:read",
  "event:read",
  "self:read"
]
const ofOperators: ReadonlyArray<Action> = [...ofTenants, "instance:write", "system:read"]
const ofAdmins: ReadonlyArray<Action> = [...ofOperators, "key:read", "key:write"]

const actions: Readonly<Record<Role, ReadonlySet<Action>>> = {
  tenant: new Set(ofTenants),
  operator: new Set(ofOperators),
  admin: new Set(ofAdmins)
}

export const permits = ({ role }: Principal, action: Action): boolean => actions[role].has(action)

/** The least role that has the action. */
export const leastRole = (action: Action): Role =>
  (["tenant", "operator", "admin"] as const).find((role) => actions[role].has(action)) ?? "admin"

const notYours = (named: TenantId) =>
  new NotFound({ kind: "tenant", id: named, message: `there is no tenant ${named} for this key` })

/** Whose things a read shows; undefined: everyone's. */
export const readableTenant = (
  { role, tenantId }: Principal,
  named: TenantId | undefined
): Result.Result<TenantId | undefined, NotFound> => {
  if (role !== "tenant") return Result.succeed(named)
  return named !== undefined && named !== tenantId ? Result.fail(notYours(named)) : Result.succeed(tenantId)
}

/**
 * Whose things a change is made to. Roles without a tenant of their own must name one, unless the deployment has a
 * default.
 */
export const actingTenant = (
  { role, tenantId }: Principal,
  named: TenantId | undefined,
  fallback: TenantId | undefined
): Result.Result<TenantId, NotFound | InvalidInput> => {
  const own = role === "tenant" ? tenantId : fallback
  if (role === "tenant" && named !== undefined && named !== own) return Result.fail(notYours(named))
  const acting = named ?? own
  return acting === undefined
    ? Result.fail(
        new InvalidInput({
          message:
            "name the tenant (tenantId, --tenant): this key belongs to none, and this deployment has no default (CLAWSTER_DEFAULT_TENANT)",
          faults: [{ path: "tenantId", expected: "the id of a tenant" }]
        })
      )
    : Result.succeed(acting)
}

/** Whose idempotency keys a principal's are: those of its tenant are shared by all the tenant's keys. */
export const ownerOf = ({ keyId, role, tenantId }: Principal): string =>
  role === "tenant" && tenantId !== undefined ? `tenant:${tenantId}` : `key:${keyId}`
