import { assert, describe, it } from "@effect/vitest"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { places } from "../../../src/shards/postgres/ServerAccount.ts"

const self = { uid: process.getuid!(), gid: process.getgid!() }

/** A package with programs below a directory that only its owner may enter, and a place for what is moved. */
const withCheckout = (
  test: (at: { readonly native: string; readonly root: string; readonly moved: string }) => void
) => {
  const root = mkdtempSync(join(tmpdir(), "clawster-account-"))
  try {
    chmodSync(root, 0o755)
    const native = join(root, "closed", "package", "native")
    mkdirSync(join(native, "bin"), { recursive: true })
    chmodSync(join(root, "closed"), 0o700)
    writeFileSync(join(native, "bin", "postgres"), "")
    writeFileSync(join(native, "..", "package.json"), JSON.stringify({ version: "18.1.0" }))
    test({ native, root, moved: join(root, "moved") })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe("the places of a server that runs under another account", () => {
  it("are one copy of programs that it cannot reach, for all servers, and each server's own directory", () => {
    withCheckout(({ moved, native, root }) => {
      const found = ["one", "two"].map((name) => places(native, join(root, name), self, moved))
      assert.deepStrictEqual(
        found.map(({ data }) => data),
        [join(root, "one", "data"), join(root, "two", "data")]
      )
      assert.deepStrictEqual(readdirSync(moved), ["programs-18.1.0"])
      for (const { native } of found) assert.isTrue(existsSync(join(native, "bin", "postgres")))
    })
  })

  it("are another copy when the programs have another version", () => {
    withCheckout(({ moved, native, root }) => {
      const before = places(native, join(root, "one"), self, moved)
      writeFileSync(join(native, "..", "package.json"), JSON.stringify({ version: "18.2.0" }))
      assert.notStrictEqual(places(native, join(root, "one"), self, moved).native, before.native)
    })
  })

  it("are elsewhere for data in a directory that it cannot reach", () => {
    withCheckout(({ moved, native, root }) => {
      const { data } = places(native, join(root, "closed", "home"), self, moved)
      assert.isTrue(data.startsWith(moved))
    })
  })

  it("stay where data were placed once", () => {
    withCheckout(({ moved, native, root }) => {
      const directory = join(root, "home")
      chmodSync(root, 0o700)
      const before = places(native, directory, self, moved)
      mkdirSync(before.data)
      chmodSync(root, 0o755)
      assert.strictEqual(places(native, directory, self, moved).data, before.data)
    })
  })
})
