/**
 * The access policy, as pure functions. A role has an action or not (`Forbidden`); which role an action needs is
 * declared with it. Which tenant's objects a call can access is decided separately: objects of another tenant do not
 * exist for the caller (`NotFound`), so that a tenant learns nothing about others.
 */
import { Result } from "effect"
import type { Action } from "../rpc/Authentication.ts"
import { InvalidInput, NotFound } from "../schema/Errors.ts"
import type { TenantId } from "../schema/Ids.ts"
import type { Principal, Role } from "../schema/access/Principal.ts"

/** Each has what those before it have. */
const roles: ReadonlyArray<Role> = ["tenant", "operator", "admin"]

export const permits = ({ role }: Principal, action: Action): boolean =>
  roles.indexOf(role) >= roles.indexOf(action.role)

const notYours = (named: TenantId) =>
  new NotFound({ kind: "tenant", id: named, message: `there is no tenant ${named} for this key` })

/** The tenant whose objects a read shows; undefined for all tenants. */
export const readableTenant = (
  { role, tenantId }: Principal,
  named: TenantId | undefined
): Result.Result<TenantId | undefined, NotFound> => {
  if (role !== "tenant") return Result.succeed(named)
  return named !== undefined && named !== tenantId ? Result.fail(notYours(named)) : Result.succeed(tenantId)
}

/**
 * The tenant whose objects a change affects. A principal without a tenant must name one, unless the deployment has a
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

/** Owner of a principal's idempotency keys: all API keys of a tenant share one owner. */
export const ownerOf = ({ keyId, role, tenantId }: Principal): string =>
  role === "tenant" && tenantId !== undefined ? `tenant:${tenantId}` : `key:${keyId}`
