import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { read } from "../../src/runners/TenantDefaultsSetting.ts"

const wrong = (given: string) => Effect.map(Effect.flip(read(given)), ({ message }) => message)

const inFile = (text: string) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const file = join(directory, "tenants.yaml")
    writeFileSync(file, text)
    return yield* read(file)
  }).pipe(Effect.scoped)

describe("the defaults of tenants", () => {
  it.effect("are JSON, or a file of JSON or YAML", () =>
    Effect.gen(function* () {
      const defaults = { weight: 2, caps: { pending: 10, ratePerSecond: 5 } }
      assert.deepStrictEqual(yield* read(JSON.stringify(defaults)), defaults)
      assert.deepStrictEqual(yield* inFile(JSON.stringify(defaults)), defaults)
      assert.deepStrictEqual(yield* inFile("weight: 2\ncaps:\n  pending: 10\n  ratePerSecond: 5\n"), defaults)
    })
  )

  it.effect("are refused at start with each field at fault, or with the file that cannot be read", () =>
    Effect.gen(function* () {
      const faults = yield* wrong(`{"weight": 0, "caps": {"pending": -1, "runing": 4}}`)
      assert.match(faults, /^CLAWSTER_TENANT_DEFAULTS: /)
      assert.match(faults, /weight: expected/)
      assert.match(faults, /caps\.pending: expected/)
      assert.match(faults, /caps\.runing: expected no such field/)
      assert.match(yield* wrong(`{"weight": `), /^CLAWSTER_TENANT_DEFAULTS: ./)
      assert.match(yield* wrong("/nonexistent/tenants.yaml"), /\/nonexistent\/tenants\.yaml cannot be read \(ENOENT\)/)
    })
  )
})
