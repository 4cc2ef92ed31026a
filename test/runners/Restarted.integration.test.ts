/** What a killed `up` leaves behind, and the next one over the same home. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { identify } from "../../src/processes/ProcessIdentity.ts"
import * as HomeLock from "../../src/runners/up/HomeLock.ts"
import * as EmbeddedPostgres from "../../src/shards/postgres/EmbeddedPostgres.ts"
import * as PostmasterPid from "../../src/shards/postgres/PostmasterPid.ts"
import * as Home from "../fixtures/processes/Home.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import { until } from "../fixtures/Until.ts"

const holder = fileURLToPath(new URL("../fixtures/processes/homeHolder.ts", import.meta.url))

const hasNamespaces = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0

/** A process that is the first of a process namespace of its own, as a container's is: its number is 1 each time. */
const contained = (home: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(
        "unshare",
        ["--pid", "--fork", "--kill-child", "--mount-proc", process.execPath, holder, home],
        { stdio: ["ignore", "pipe", "pipe"] }
      )
      let output = ""
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)))
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
      return { child, ended, output: () => output }
    }),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      })
  )

const heldBy = (home: string, holder: object) =>
  Effect.sync(() => {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, "up.pid"), JSON.stringify(holder))
  })

// Process namespaces need the rights of root, which stand in for a container's here.
it.live.skipIf(!hasNamespaces)(
  "a container that was killed starts again over its home, under the same process numbers",
  () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      for (let start = 0; start < 2; start++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { child, output } = yield* contained(home)
            yield* until(
              "the home is held",
              Effect.sync(() => output().includes("ready") || child.exitCode !== null),
              "60 seconds"
            )
            assert.match(output(), /^ready 1 \d+$/m)
          })
        )
      }
    })
)

it.live.skipIf(!hasNamespaces)(
  "a second container over the same home is refused, though it cannot see the processes of the first",
  () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      const first = yield* contained(home)
      yield* until(
        "the home is held",
        Effect.sync(() => first.output().includes("ready")),
        "60 seconds"
      )
      const second = yield* contained(home)
      yield* until(
        "the second ends",
        Effect.sync(() => second.child.exitCode !== null),
        "60 seconds"
      )
      assert.notStrictEqual(second.child.exitCode, 0)
      assert.match(second.output(), /already up/)
      assert.isNull(first.child.exitCode)
    }).pipe(Effect.scoped)
)

it.live("a home is refused to a second process while the first lives, and told whose it is", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    yield* heldBy(home, identify(process.ppid)!)
    const error = yield* Effect.flip(Effect.scoped(HomeLock.take(home)))
    assert.include(error.message, `(process ${process.ppid})`)
  })
)

it.live("a home whose holder is gone is taken, though its number is that of a process which lives", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    yield* heldBy(home, { ...identify(process.ppid)!, startedAt: "before that one" })
    yield* Effect.scoped(HomeLock.take(home))
    yield* heldBy(home, { ...identify(process.pid)!, startedAt: "before this one" })
    yield* Effect.scoped(HomeLock.take(home))
  })
)

it.live("PostgreSQL starts over the file of a server that is gone, whose number another process has", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    const directory = join(home, "postgres")
    const start = Effect.scoped(EmbeddedPostgres.start({ directory, settings: { fsync: "off" } }))
    yield* start
    const data = join(directory, "data")
    writeFileSync(join(data, "postmaster.pid"), `${process.ppid}\n${data}\n1\n5432\n\n127.0.0.1\n 1 1\nready\n`)
    yield* start
    assert.isUndefined(PostmasterPid.read(data))
  })
)

it.live("PostgreSQL ends by itself when the process that started it is killed", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    const running = yield* Processes.start(holder, [home], { ready: "ready" })
    const data = join(home, "postgres", "data")
    const server = PostmasterPid.read(data)!
    assert.isTrue(PostmasterPid.isAlive(server, data))
    yield* running.signal("SIGKILL")
    yield* until(
      "the server ends",
      Effect.sync(() => !PostmasterPid.isAlive(server, data)),
      "60 seconds"
    )
  })
)
