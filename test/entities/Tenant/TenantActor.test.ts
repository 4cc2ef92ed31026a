import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { TenantActor } from "../../../src/entities/Tenant/TenantActor.ts"
import { isEnded } from "../../../src/entities/Tenant/TenantState.ts"
import { TenantId, tenantEntityId } from "../../../src/schema/Ids.ts"
import { effectiveStatus, TenantChange } from "../../../src/schema/Tenant.ts"
import { ActorTest } from "../../../src/testing/ActorTest.ts"

const acme = TenantId.make("acme")
const make = () => new ActorTest(TenantActor, tenantEntityId(acme))

const commands = Arbitrary.array(
  Arbitrary.schema(
    Schema.Union([
      Schema.Struct({ tag: Schema.Literal("TenantSet"), payload: Schema.Struct({ change: TenantChange }) }),
      Schema.Struct({
        tag: Schema.Literals(["TenantSuspend", "TenantDelete"]),
        payload: Schema.Struct({ reason: Schema.Literals(["unpaid", "left"]) })
      }),
      Schema.Struct({ tag: Schema.Literal("TenantResume"), payload: Schema.Undefined })
    ])
  ),
  { maxLength: 30 }
)

const after = { TenantResume: "active", TenantDelete: "deleted", TenantSuspend: "suspended", TenantSet: undefined }

describe("Tenant", () => {
  it("changes what is named and keeps the rest; null takes its own value away", () => {
    const tenant = make()
    tenant.command("TenantSet", { change: { weight: 4, caps: { pending: 10, lanes: 2 } } })
    const answer = tenant.command("TenantSet", { change: { weight: null, caps: { pending: null, sessions: 3 } } })
    assert.deepStrictEqual(tenant.state.record, {
      tenantId: acme,
      state: "active",
      caps: { lanes: 2, sessions: 3 },
      changedAt: tenant.now
    })
    assert.strictEqual(answer._tag, "Success")
  })

  it("keeps its weight and caps while it is suspended, deleted and resumed", () => {
    const tenant = make()
    tenant.command("TenantSet", { change: { weight: 2, caps: { running: 5 } } })
    tenant.command("TenantSuspend", { reason: "unpaid" })
    assert.deepInclude(tenant.state.record, { state: "suspended", reason: "unpaid", weight: 2 })
    tenant.command("TenantSet", { change: { caps: { running: 6 } } })
    assert.deepInclude(tenant.state.record, { state: "suspended", reason: "unpaid", caps: { running: 6 } })
    tenant.command("TenantDelete", {})
    assert.deepInclude(tenant.state.record, { state: "deleted", weight: 2 })
    assert.notProperty(tenant.state.record, "reason")
    tenant.command("TenantResume", undefined)
    assert.deepInclude(tenant.state.record, { state: "active", weight: 2, caps: { running: 6 } })
  })

  it("refuses to set and to suspend what is deleted, and says how to go on", () => {
    const tenant = make()
    tenant.command("TenantDelete", { reason: "left" })
    for (const answer of [
      tenant.command("TenantSet", { change: { weight: 2 } }),
      tenant.command("TenantSuspend", {})
    ]) {
      assert.strictEqual(answer._tag, "Failure")
      if (answer._tag !== "Failure") continue
      assert.deepInclude(answer.error, { _tag: "Conflict", state: "deleted" })
      assert.match((answer.error as { message: string }).message, /clawster tenant resume acme/)
    }
  })

  it.prop(
    "is as the last command said, writes nothing when it is so already, and is forgotten only when nothing is set",
    [commands],
    ([given]) => {
      const tenant = make()
      for (const { payload, tag } of given) {
        const send = () => tenant.command(tag as "TenantSet", payload as { change: TenantChange })
        const [before, written] = [tenant.state.record, tenant.events.length]
        const answer = send()
        if (answer._tag === "Failure") {
          assert.deepStrictEqual([before?.state, tenant.events.length], ["deleted", written])
          continue
        }
        if (after[tag] !== undefined) assert.strictEqual(answer.value.state, after[tag])
        const accepted = tenant.events.length
        assert.deepStrictEqual(send(), answer)
        assert.strictEqual(tenant.events.length, accepted)
      }
      const { record } = tenant.state
      const shown = effectiveStatus(acme, record, { weight: 7, caps: { lanes: 9 } })
      assert.strictEqual(shown.weight, record?.weight ?? 7)
      assert.strictEqual(shown.caps.lanes, record?.caps.lanes ?? 9)
      if (isEnded(tenant.state)) {
        const unset = effectiveStatus(acme, undefined, { weight: 7, caps: { lanes: 9 } })
        assert.deepStrictEqual({ ...shown, changedAt: undefined }, { ...unset, changedAt: undefined })
      }
      assert.deepStrictEqual(tenant.folded, tenant.state)
      assert.deepStrictEqual(tenant.restored, tenant.state)
    },
    { arbitrary: { runs: 100, size: 30 } }
  )
})
