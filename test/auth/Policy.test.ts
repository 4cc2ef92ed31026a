import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { actingTenant, ownerOf, permits, readableTenant } from "../../src/auth/Policy.ts"
import { action } from "../../src/rpc/Authentication.ts"
import { TenantId } from "../../src/schema/Ids.ts"
import type { Principal, Role } from "../../src/schema/access/Principal.ts"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")
const tenant: Principal = { keyId: "k1", name: "t", role: "tenant", tenantId: acme }
const operator: Principal = { keyId: "k2", name: "o", role: "operator" }
const admin: Principal = { keyId: "k3", name: "a", role: "admin" }

describe("Policy", () => {
  it("gives a role what is for it and what is for those below it", () => {
    const allowed = (role: Role) => [tenant, operator, admin].map((who) => permits(who, action("thing:read", role)))
    assert.deepStrictEqual(allowed("tenant"), [true, true, true])
    assert.deepStrictEqual(allowed("operator"), [false, true, true])
    assert.deepStrictEqual(allowed("admin"), [false, false, true])
  })

  it("shows a tenant only its own, and others nothing of whether another exists", () => {
    assert.deepStrictEqual(readableTenant(tenant, undefined), Result.succeed(acme))
    assert.deepStrictEqual(readableTenant(tenant, acme), Result.succeed(acme))
    const other = readableTenant(tenant, globex)
    assert.isTrue(Result.isFailure(other) && other.failure._tag === "NotFound")
    assert.deepStrictEqual(readableTenant(operator, undefined), Result.succeed(undefined))
    assert.deepStrictEqual(readableTenant(operator, globex), Result.succeed(globex))
  })

  it("makes who belongs to no tenant name one for a change, unless the deployment has a default", () => {
    assert.deepStrictEqual(actingTenant(tenant, undefined, globex), Result.succeed(acme))
    const other = actingTenant(tenant, globex, undefined)
    assert.isTrue(Result.isFailure(other) && other.failure._tag === "NotFound")
    const unnamed = actingTenant(admin, undefined, undefined)
    assert.isTrue(Result.isFailure(unnamed) && unnamed.failure._tag === "InvalidInput")
    assert.deepStrictEqual(actingTenant(admin, undefined, acme), Result.succeed(acme))
    assert.deepStrictEqual(actingTenant(admin, globex, acme), Result.succeed(globex))
  })

  it("keeps the idempotency keys of a tenant apart from those of a key with the same name", () => {
    assert.notStrictEqual(ownerOf({ ...tenant, tenantId: TenantId.make("k2") }), ownerOf(operator))
  })
})
