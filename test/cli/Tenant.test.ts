import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { cli } from "./Cli.ts"
import { cursor, tenantId } from "./FakeApi.ts"

const acme = { tenantId, state: "suspended", reason: "unpaid", weight: 2, caps: { pending: 10 }, changedAt: 0 }
const usage = {
  lanes: 1,
  pending: 3,
  scheduled: 1,
  running: 2,
  completed: 7,
  failed: 0,
  cancelled: 0,
  deadLettered: 0,
  sessions: 1,
  activeSessions: 0,
  queuedTurns: 0
}

const plain = (out: string) => out.replaceAll(/ +/g, " ")

describe("clawster tenant", () => {
  it.effect("shows what a tenant may do beside what it has", () =>
    Effect.gen(function* () {
      const shown = yield* cli(["tenant", "get", "acme"], { answers: { "tenants.get": { ...acme, usage } } })
      assert.match(plain(shown.out), /state suspended\nreason unpaid\nweight 2\nrunning 2\nwaiting 4 of 10\nlanes 1\n/)
      const list = { items: [acme], position: cursor }
      const listed = yield* cli(["tenant", "list"], { answers: { "tenants.list": list } })
      assert.match(plain(listed.out), /acme suspended 2 - 10 - - - 0ms unpaid/)
    })
  )

  it.effect("sets what is named, and takes away what is none", () =>
    Effect.gen(function* () {
      const answers = { "tenants.set": acme }
      const { asked } = yield* cli(["tenant", "set", "acme", "--weight", "4", "--pending", "none", "--rate", "5"], {
        answers
      })
      assert.deepStrictEqual(asked, [
        { call: "tenants.set", request: { tenantId, weight: 4, caps: { pending: null, ratePerSecond: 5 } } }
      ])
      const wrong = yield* cli(["tenant", "set", "acme", "--lanes", "many"], { answers })
      assert.strictEqual(wrong.exitCode, 2)
      assert.deepStrictEqual(wrong.asked, [])
    })
  )

  it.effect("suspends, deletes and resumes, and says what was ended with it", () =>
    Effect.gen(function* () {
      const stopped = { ...acme, cancelled: 3, aborted: 1, remaining: 0 }
      const answers = { "tenants.suspend": stopped, "tenants.delete": acme, "tenants.resume": acme }
      const suspended = yield* cli(["tenant", "suspend", "acme", "--cancel", "--reason", "unpaid"], { answers })
      assert.deepStrictEqual(suspended.asked, [
        { call: "tenants.suspend", request: { tenantId, cancel: true, reason: "unpaid" } }
      ])
      assert.match(suspended.out, /3 tasks cancelled, 1 sessions aborted, 0 left/)
      const deleted = yield* cli(["tenant", "delete", "acme", "--force"], { answers })
      assert.deepStrictEqual(deleted.asked, [{ call: "tenants.delete", request: { tenantId, force: true } }])
      assert.notMatch(deleted.out, /cancelled/)
      assert.strictEqual((yield* cli(["tenant", "resume", "acme"], { answers })).exitCode, 0)
    })
  )
})
