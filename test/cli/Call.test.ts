import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { everyOperation } from "../../src/rpc/operations/Operations.ts"
import { cli } from "./Cli.ts"
import { taskOf } from "./FakeApi.ts"

describe("clawster call", () => {
  it.effect("calls an operation by its name, with the payload from the line or a file, and prints its answer", () =>
    Effect.gen(function* () {
      const task = taskOf("t1", "running")
      const directory = mkdtempSync(join(tmpdir(), "call-"))
      try {
        const file = join(directory, "payload.json")
        writeFileSync(file, `{"taskId":"t1"}`)
        for (const payload of [`{"taskId":"t1"}`, `@${file}`]) {
          const { asked, exitCode, out } = yield* cli(["call", "tasks.get", payload], { tasks: [task] })
          assert.deepStrictEqual([exitCode, JSON.parse(out)], [0, task], payload)
          assert.deepStrictEqual(asked, [{ call: "get", request: { taskId: "t1" } }])
        }
      } finally {
        rmSync(directory, { recursive: true })
      }
    })
  )

  it.effect("needs no payload where none is needed, and acts for --tenant where the payload names none", () =>
    Effect.gen(function* () {
      assert.strictEqual(JSON.parse((yield* cli(["call", "system.me"])).out).name, "ann")
      const asked = Effect.map(cli(["call", "lanes.get", `{"lane":"a"}`, "--tenant", "acme"]), ({ asked }) => asked)
      assert.deepStrictEqual(yield* asked, [{ call: "lane", request: { lane: "a", tenantId: "acme" } }])
      const named = yield* cli(["call", "lanes.get", `{"lane":"a","tenantId":"globex"}`, "--tenant", "acme"])
      assert.deepStrictEqual(named.asked[0]?.request, { lane: "a", tenantId: "globex" })
      assert.deepStrictEqual((yield* cli(["call", "system.me", "--tenant", "acme"])).asked, [
        { call: "me", request: {} }
      ])
    })
  )

  it.effect("sends a change under the key that it is given", () =>
    Effect.gen(function* () {
      const payload = JSON.stringify({ sessionId: "s1", message: "hi" })
      const { asked } = yield* cli(["call", "sessions.send", payload, "--idempotency-key", "once"])
      assert.deepStrictEqual(asked[0]?.request, { sessionId: "s1", message: "hi", idempotencyKey: "once" })
    })
  )

  it.effect("names the fields at fault and sends nothing", () =>
    Effect.gen(function* () {
      const payload = JSON.stringify({ lane: "-", limit: "x" })
      const { asked, err, exitCode } = yield* cli(["call", "lanes.get", payload])
      assert.deepStrictEqual([exitCode, asked], [2, []])
      assert.match(err, /the payload of lanes\.get is not as documented: see limit, lane/)
      assert.match(err, /^ {2}limit: expected no such field$/m)
      const missing = yield* cli(["call", "tasks.get"])
      assert.match(missing.err, /^ {2}taskId: expected a value/m)
      for (const text of ["{", "[]", "1", "@/no/such/file"]) {
        assert.strictEqual((yield* cli(["call", "tasks.get", text])).exitCode, 2, text)
      }
    })
  )

  it.effect("refuses by name what it does not know or cannot call, and says what to use", () =>
    Effect.gen(function* () {
      const told = (name: string) => Effect.map(cli(["call", name]), ({ err, exitCode }) => [exitCode, err.trim()])
      assert.deepStrictEqual(yield* told("tasks.fly"), [
        2,
        "clawster: there is no operation tasks.fly; clawster call --list shows them"
      ])
      assert.deepStrictEqual(yield* told("system.follow"), [
        2,
        "clawster: system.follow answers without end; use clawster task events"
      ])
      assert.deepStrictEqual(yield* told("tasks.submit"), [
        2,
        "clawster: tasks.submit is of REST alone: POST /api/v1/tasks"
      ])
      assert.strictEqual((yield* cli(["call"])).exitCode, 2)
    })
  )

  it.effect("lists the operations with the role that each needs and the fields of its payload", () =>
    Effect.gen(function* () {
      const { out } = yield* cli(["call", "--list"])
      assert.match(out, /^OPERATION +KIND +ACTION +ROLE +PAYLOAD$/m)
      assert.match(out, /^instances\.stop +change +instance:write +operator +instanceId graceMillis\?$/m)
      const listed = JSON.parse((yield* cli(["call", "--list", "--json"])).out) as ReadonlyArray<{ name: string }>
      assert.strictEqual(listed.length, everyOperation.length - 2)
    })
  )
})
