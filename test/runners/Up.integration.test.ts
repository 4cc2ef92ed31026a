/**
 * `up` as a neighbour of everything else on its machine: however it ends, nothing of it stays, and the next one starts.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as BoundedLogs from "../../src/runners/up/BoundedLogs.ts"
import * as Home from "../fixtures/processes/Home.ts"
import { until } from "../fixtures/Until.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Every process that names the home, on its line or in its environment; zombies are none. */
const processesOf = (home: string): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(home) || read(`/proc/${pid}/environ`).includes(home))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`)

interface Up {
  readonly pid: number
  readonly output: () => string
  readonly exited: () => boolean
  readonly code: () => number | null
}

/** One runner, no OpenClaw: what starts and ends is the same. */
const up = Effect.fnUntraced(function* (home: string, options: { readonly through?: ReadonlyArray<string> } = {}) {
  const line = [
    ...(options.through ?? []),
    process.execPath,
    main,
    "up",
    "--instances",
    "0",
    "--runners",
    "1",
    "--port",
    "0"
  ]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(line[0]!, line.slice(1), {
        env: { ...process.env, CLAWSTER_HOME: home },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
    ),
    (running) =>
      Effect.sync(
        () => void (running.exitCode === null && running.signalCode === null && process.kill(-running.pid!, "SIGKILL"))
      )
  )
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)))
  const running: Up = {
    pid: child.pid!,
    output: () => output,
    exited: () => child.exitCode !== null || child.signalCode !== null,
    code: () => child.exitCode
  }
  yield* until(
    "up is up",
    Effect.suspend(() => {
      if (running.exited()) return Effect.die(new Error(`up ended:\n${output}`))
      return Effect.succeed(output.includes("Ctrl-C stops everything"))
    }),
    "120 seconds"
  )
  return running
})

const nothingOf = (home: string) =>
  until(
    "nothing of it is left",
    Effect.sync(() => processesOf(home).length === 0),
    "90 seconds"
  ).pipe(Effect.catchDefect((defect) => Effect.die(new Error(`${String(defect)}\n${processesOf(home).join("\n")}`))))

const stops = Effect.fnUntraced(function* (running: Up, home: string, signals: ReadonlyArray<NodeJS.Signals>) {
  for (const signal of signals) {
    process.kill(running.pid, signal)
    yield* Effect.yieldNow
  }
  yield* until("up has ended", Effect.sync(running.exited), "90 seconds")
  assert.strictEqual(running.code(), 0, running.output())
  assert.match(running.output(), /stopping: gateways, HTTP, runners, PostgreSQL\n[^]*stopped/)
  yield* nothingOf(home)
})

const keyOf = (home: string): string => JSON.parse(read(join(home, "cli.json"))).apiKey

it.live(
  "a closed terminal, Ctrl-C twice and SIGQUIT stop everything in order, and the next start uses the same key",
  () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      const first = yield* up(home)
      assert.notInclude(first.output(), "OpenClaw 2", "no gateway is asked for, so no OpenClaw is installed")
      const key = keyOf(home)
      assert.strictEqual(statSync(join(home, "cli.json")).mode & 0o777, 0o600)
      yield* stops(first, home, ["SIGHUP"])
      const second = yield* up(home)
      assert.strictEqual(keyOf(home), key)
      yield* stops(second, home, ["SIGINT", "SIGINT", "SIGQUIT"])
    })
)

it.live("an up that is killed takes everything with it, and the next one ends what did not go", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    const first = yield* up(home)
    process.kill(first.pid, "SIGKILL")
    yield* nothingOf(home)
    const second = yield* up(home)
    const runner = JSON.parse(read(join(home, "run", "runner-1.json"))) as { readonly pid: number }
    process.kill(runner.pid, "SIGSTOP")
    process.kill(second.pid, "SIGKILL")
    yield* until("it is gone", Effect.sync(second.exited))
    const third = yield* up(home)
    assert.match(third.output(), /ended 1 runner of a call that was killed/)
    assert.isFalse(processesOf(home).some((line) => line.startsWith(`${runner.pid} `)))
    yield* stops(third, home, ["SIGTERM"])
  })
)

it.live("npm that is killed takes up with it, also while it starts", () =>
  Effect.gen(function* () {
    const home = yield* Home.make
    const npm = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn("npm", ["start", "--", "--instances", "0", "--runners", "1", "--port", "0"], {
          cwd: fileURLToPath(new URL("../../", import.meta.url)),
          env: { ...process.env, CLAWSTER_HOME: home },
          stdio: "ignore",
          detached: true
        })
      ),
      (running) => Effect.sync(() => void running.kill("SIGKILL"))
    )
    yield* until(
      "PostgreSQL starts",
      Effect.sync(() => read(join(home, "up.pid")) !== ""),
      "60 seconds"
    )
    npm.kill("SIGKILL")
    yield* nothingOf(home)
  })
)

const hasNamespaces = spawnSync("unshare", ["--uts", "hostname", "a"]).status === 0

it.live.skipIf(!hasNamespaces)(
  "a home keeps the name of its host when the machine's own changes, as a container's does",
  () =>
    Effect.gen(function* () {
      const home = yield* Home.make
      for (const name of ["first", "second"]) {
        const running = yield* up(home, {
          through: ["unshare", "--uts", "sh", "-c", `hostname ${name} && exec "$@"`, "sh"]
        })
        assert.strictEqual(read(join(home, "host-name")), "first\n")
        assert.include(read(join(home, "logs", "runner-1.log")), "host=first")
        assert.notInclude(read(join(home, "logs", "runner-1.log")), "host=second")
        yield* stops(running, home, ["SIGTERM"])
      }
    })
)

it.live("logs that grow beyond their bound are put aside once and emptied", () =>
  Effect.gen(function* () {
    const file = join(yield* Home.make, "runner.log")
    writeFileSync(file, "x".repeat(100))
    BoundedLogs.rotate(file, 100)
    assert.strictEqual(statSync(file).size, 100)
    writeFileSync(file, "y".repeat(101))
    BoundedLogs.rotate(file, 100)
    assert.deepStrictEqual([statSync(file).size, statSync(`${file}.1`).size], [0, 101])
  })
)
