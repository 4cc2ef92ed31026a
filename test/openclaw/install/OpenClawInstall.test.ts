import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { isSupported } from "../../../src/openclaw/install/NodeBinary.ts"
import * as OpenClawInstall from "../../../src/openclaw/install/OpenClawInstall.ts"

/** Stands in for npm: fails as told by the version, else makes the package and notes that it ran. */
const fakeNpm = `#!/usr/bin/env node
const fs = require("node:fs")
const args = process.argv.slice(2)
const version = args.find((arg) => arg.startsWith("openclaw@")).slice(9)
const root = args[args.indexOf("--prefix") + 1] + "/node_modules/openclaw"
const fail = (text) => { console.error("npm error " + text); process.exit(1) }
if (version === "1.0.404") fail("code ETARGET")
if (version === "1.0.28") fail("code ENOSPC")
if (version === "1.0.111") fail("code ECONNREFUSED")
if (version === "1.0.0") process.exit(0)
fs.appendFileSync(process.env.NPM_RUNS, process.version + "\\n")
setTimeout(() => {
  fs.mkdirSync(root, { recursive: true })
  fs.writeFileSync(root + "/openclaw.mjs", version)
}, 100)
`

/** A folder for installs, and what tells how often npm ran. The fake npm is first on PATH while the scope is open. */
const setup = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* fs.makeDirectory(`${folder}/bin`)
  yield* fs.writeFileString(`${folder}/bin/npm`, fakeNpm)
  yield* fs.chmod(`${folder}/bin/npm`, 0o755)
  yield* fs.writeFileString(`${folder}/runs`, "")
  yield* withEnvironment("PATH", `${folder}/bin`)
  yield* withEnvironment("NPM_RUNS", `${folder}/runs`)
  const runs = Effect.map(fs.readFileString(`${folder}/runs`), (text) => text.split("\n").filter((line) => line !== ""))
  return { fs, folder, directory: `${folder}/openclaw`, runs }
})

const withEnvironment = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env[name]
      process.env[name] = value
      return before
    }),
    (before) => Effect.sync(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)))
  )

describe("OpenClawInstall", () => {
  it.live("installs a version once, on a Node that OpenClaw accepts", () =>
    Effect.gen(function* () {
      const { directory, fs, runs } = yield* setup
      const lines: Array<string> = []
      const onProgress = (line: string) => Effect.sync(() => lines.push(line))
      const first = yield* OpenClawInstall.ensure({ version: "1.2.3", directory, onProgress })
      assert.strictEqual(yield* fs.readFileString(first.entry), "1.2.3")
      assert.isAbove(lines.length, 1)
      lines.length = 0
      assert.deepStrictEqual(yield* OpenClawInstall.ensure({ version: "1.2.3", directory, onProgress }), first)
      assert.deepStrictEqual(lines, [])
      assert.strictEqual((yield* runs).length, 1)
      assert.isTrue((yield* runs).every(isSupported))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("installs once when several ask at the same time, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const { directory, fs, runs } = yield* setup
      const asked = Array.from({ length: 4 }, () => OpenClawInstall.ensure({ version: "1.2.3", directory }))
      const installed = yield* Effect.all(asked, { concurrency: "unbounded" })
      assert.strictEqual(new Set(installed.map(({ entry }) => entry)).size, 1)
      assert.strictEqual((yield* runs).length, 1)
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["1.2.3"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("replaces half an install, and takes over the lock of a dead process", () =>
    Effect.gen(function* () {
      const { directory, fs } = yield* setup
      yield* fs.makeDirectory(`${directory}/1.2.3/node_modules`, { recursive: true })
      yield* fs.writeFileString(
        `${directory}/.installing.lock`,
        JSON.stringify({ pid: process.pid, startedAt: "a process before this one" })
      )
      yield* fs.makeDirectory(`${directory}/.installing-abc/node_modules`, { recursive: true })
      const { entry } = yield* OpenClawInstall.ensure({ version: "1.2.3", directory })
      assert.strictEqual(yield* fs.readFileString(entry), "1.2.3")
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["1.2.3"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live.each([
    ["latest", "InvalidVersion"],
    ["1.0.404", "UnknownVersion"],
    ["1.0.28", "DiskFull"],
    ["1.0.111", "NoNetwork"],
    ["1.0.0", "Failed"]
  ] as const)("says why %s cannot be installed: %s", ([version, reason]) =>
    Effect.gen(function* () {
      const { directory, fs } = yield* setup
      const error = yield* Effect.flip(OpenClawInstall.ensure({ version, directory }))
      assert.deepInclude(error, { reason, version })
      const left = yield* Effect.orElseSucceed(fs.readDirectory(directory), () => [])
      assert.deepStrictEqual(left, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("says that npm is missing, or the folder cannot be written", () =>
    Effect.gen(function* () {
      const { directory, folder, fs } = yield* setup
      const occupied = yield* Effect.flip(OpenClawInstall.ensure({ directory: `${folder}/runs` }))
      assert.strictEqual(occupied.reason, "NotWritable")
      yield* fs.remove(`${folder}/bin/npm`)
      const missing = yield* Effect.flip(OpenClawInstall.ensure({ directory }))
      assert.strictEqual(missing.reason, "NoNpm")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("knows which Node OpenClaw accepts", () => {
    const yes = ["v24.16.0", "24.21.0", "v26.1.0", "v27.0.0"]
    const no = ["v20.20.2", "v22.19.0", "v24.15.9", "v25.3.0", "v26.0.1"]
    assert.deepStrictEqual([yes.every(isSupported), no.some(isSupported)], [true, false])
  })
})
