/**
 * Whoever opens something says who closes it. A resource that calls back is opened by `callbackWith` only, since the
 * finalizer of a plain `Effect.callback` runs on interruption alone; everything else that is opened by hand is in a
 * list, with its owner.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"

const opens =
  /\b(createConnection|createServer|connect|new WebSocket|spawn|execFile|fork|setTimeout|setInterval|openSync|createReadStream|createWriteStream|get|request)\s*\(/

/** The argument lists of the calls of `name` in a text. */
const callsOf = (name: string, text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const from = text.indexOf("(", at)
    let depth = 0
    for (let end = from; end < text.length; end++) {
      if (text[end] === "(") depth++
      if (text[end] === ")" && --depth === 0) {
        found.push(text.slice(from, end))
        break
      }
    }
  }
  return found
}

const leaks = (text: string): ReadonlyArray<string> =>
  callsOf("Effect.callback", text).filter((body) => opens.test(body))

/**
 * Callbacks that are the acquisition of an `acquireRelease`, which cannot be interrupted: what they open lives on,
 * until the scope closes.
 */
const ofScopes: Readonly<Record<string, number>> = { "processes/Beacon.ts": 1 }

const raw =
  /\b(createConnection|new WebSocket|spawn|execFile|setTimeout|setInterval|openSync|forkDetach|runFork|runForkWith)\s*\(/g

/** How many times each is opened by hand in a file, and what ends it. */
const owned: Readonly<Record<string, readonly [count: number, owner: string]>> = {
  "actor/client/CallTimeouts.ts": [2, "one sleeper for all, and each effect until its answer or its deadline"],
  "actor/runtime/Activation.ts": [1, "the stint ends when the mailbox is empty, or with `close`"],
  "actor/background/BackgroundWork.ts": [1, "kept in #fibers, interrupted by `end`"],
  "instances/process/Exec.ts": [2, "callbackWith"],
  "instances/process/Guardianship.ts": [1, "the guardian outlives us on purpose; it ends by its lease"],
  "instances/process/files/LogTail.ts": [1, "closed in finally"],
  "instances/process/guardian.ts": [4, "the process is the resource: it ends with its gateway"],
  "openclaw/protocol/GatewaySocket.ts": [3, "the scope of `open`; the pause ends itself, and so does the farewell"],
  "openclaw/install/OpenClawInstall.ts": [1, "the scope of the command"],
  "processes/Beacon.ts": [2, "callbackWith, and the scope of `light`; each closes the folder's descriptor"],
  "processes/FileLock.ts": [1, "closed at once"],
  "runners/launch/Launch.ts": [2, "unreferenced, end with the process"],
  "runners/doctor/MachineChecks.ts": [1, "callbackWith"],
  "runners/doctor/DatabaseChecks.ts": [1, "callbackWith"],
  "runners/up/EndWithNpm.ts": [1, "unreferenced, ends with the process"],
  "runners/up/RunnerProcesses.ts": [2, "acquireUseRelease; the file is closed once the child has it"],
  "shards/effect-patches/BoundedClose.ts": [1, "a close that takes too long goes on by itself, once for each layer"],
  "shards/transport/RunnerConnections.ts": [1, "the scope of the socket"],
  "shards/postgres/EmbeddedPostgres.ts": [
    3,
    "callbackWith, and acquireRelease of the server; the log is closed once the server has it"
  ],
  "shards/leases/FailureDetector.ts": [1, "callbackWith"],
  "shards/transport/RunnerPort.ts": [1, "ends with its connection, which the server's scope closes"],
  "shards/transport/calls/CallClient.ts": [1, "one turn of the event loop"],
  "shards/transport/calls/CallServer.ts": [1, "one turn of the event loop"],
  "shards/postgres/Lifeline.ts": [1, "ends with PostgreSQL, whose lifeline it is"]
}

const src = new URL("../../src/", import.meta.url)
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !/^(testing|instances\/simulated)\//.test(file))
  .map((file) => [file, readFileSync(new URL(file, src), "utf8")] as const)

describe("Acquisitions", () => {
  it("none is made in a callback that releases it on interruption only", () => {
    assert.deepStrictEqual(
      files
        .filter(([file, text]) => file !== "resources/Callback.ts" && leaks(text).length > (ofScopes[file] ?? 0))
        .map(([file]) => file),
      []
    )
  })

  it("all that are made by hand have an owner in the list", () => {
    const found = files.flatMap(([file, text]) => {
      const count = text.match(raw)?.length ?? 0
      return count === 0 ? [] : [[file, count] as const]
    })
    assert.deepStrictEqual(
      Object.fromEntries(found),
      Object.fromEntries(Object.entries(owned).map(([file, [count]]) => [file, count]))
    )
  })

  it("the rule finds the knock that left its socket open, whatever its form", () => {
    const knock = `Effect.callback<Verdict>((resume) => {
      const socket = createConnection({ host, port })
      socket.once("connect", () => resume(Effect.succeed("answers")))
      return Effect.sync(() => socket.destroy())
    })`
    assert.lengthOf(leaks(knock), 1)
    assert.lengthOf(leaks("Effect.callback((resume) => { setTimeout(() => resume(Effect.void), 10) })"), 1)
    assert.lengthOf(leaks("Effect.callback((resume) => { const child = spawn(a, b) })"), 1)
    assert.lengthOf(
      leaks("callbackWith((resume) => createConnection({ host, port }), (socket) => socket.destroy())"),
      0
    )
    assert.lengthOf(leaks("Effect.callback((resume) => void waiting.push(resume)); spawn(a)"), 0)
  })
})
