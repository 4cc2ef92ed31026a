/**
 * The toy actor in a tree of its own: its types fit everywhere, the rules of the house hold, and it works over
 * PostgreSQL for a client of each kind. The type-check is of the whole tree, so this takes its time.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { treeWith } from "../fixtures/ToyActor.ts"

const minutes = 60_000

/** What has to be run again for an actor that is added: its own tests, and the rules that go through all actors. */
const tests = [
  "test/entities/Counter",
  "test/gateway/service/Counters.test.ts",
  "test/gateway/OpenApiDocument.test.ts",
  "test/golden/Events.test.ts",
  ...["Catalog", "Messages", "Operations", "PublicBounds", "StoredNames", "Structure"].map(
    (name) => `test/house/${name}.test.ts`
  )
]

let tree: string
const run = (script: string, ...line: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number; readonly out: string; readonly said: string }>((resolve) => {
    const options = { cwd: tree, maxBuffer: 64 * 1_048_576 }
    execFile(process.execPath, [script, ...line], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : 1, out, said: `${out}\n${err}`.slice(-8_000) })
    )
  })

beforeAll(() => {
  tree = realpathSync(mkdtempSync(join(tmpdir(), "clawster-toy-")))
  treeWith(tree)
})
afterAll(() => rmSync(tree, { recursive: true, force: true }))

describe("a tree with the toy actor", () => {
  it(
    "type-checks as a whole",
    async () => {
      const { code, said } = await run("node_modules/typescript/bin/tsc", "-p", ".", "--noEmit")
      assert.strictEqual(code, 0, said)
    },
    20 * minutes
  )

  it(
    "keeps the rules of the house and passes its own tests",
    async () => {
      const { code, said } = await run("node_modules/vitest/vitest.mjs", "run", "--project=unit", ...tests)
      assert.strictEqual(code, 0, said)
    },
    20 * minutes
  )

  it(
    "serves both operations over REST, RPC and the command line, and keeps the rows",
    async () => {
      const { out, said } = await run("served.ts")
      const seen = out.split("\n").find((line) => line.startsWith('{"added"'))
      assert.isDefined(seen, said)
      const { added, documented, listed, rows } = JSON.parse(seen)
      const status = (total: number, additions: number) => ({ tenantId: "acme", counter: "clicks", total, additions })
      assert.deepStrictEqual(added, [{ status: 201, body: status(1, 1) }, status(3, 2), status(6, 3)])
      assert.deepStrictEqual(listed, [
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3]
      ])
      assert.deepStrictEqual(
        rows,
        [1, 2, 3].map((number) => ({ tenant_id: "acme", counter: "clicks", number, amount: number }))
      )
      assert.sameMembers(documented, ["get", "post"])
    },
    10 * minutes
  )
})
