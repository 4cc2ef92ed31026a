/**
 * The README's "Run it on several machines", taken literally: its commands, each in the network namespace of its
 * machine, over a real PostgreSQL. What is changed: the network's addresses, the secrets, each machine's own home, and
 * that the gateways are simulated, since real ones take minutes to boot.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Home from "../fixtures/processes/Home.ts"
import * as Namespaces from "../fixtures/processes/Namespaces.ts"
import * as BridgedPostgres from "../fixtures/servers/BridgedPostgres.ts"
import { until } from "../fixtures/Until.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const machines = { a: 1, b: 2, c: 3 } as const
type Machine = keyof typeof machines

interface Block {
  readonly machines: ReadonlyArray<Machine>
  readonly lines: ReadonlyArray<string>
}

/** The blocks of the section, each for the machines that its first line names. */
const blocks = (): ReadonlyArray<Block> => {
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const section = /\n## Run it on several machines\n([^]*?)\n## /.exec(readme)![1]!
  return [...section.matchAll(/```sh\n# ([^\n]+)\n([^]*?)```/g)].map(([, names, text]) => ({
    machines: names!.split(/, | and /) as Array<Machine>,
    lines: text!.trim().split("\n")
  }))
}

const why = Namespaces.missing()

interface Running {
  readonly child: ChildProcess
  readonly output: () => string
}

const run = (line: ReadonlyArray<string>, script: string, home: string) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(line[0]!, [...line.slice(1), "sh", "-c", script], {
        cwd: root,
        env: { ...process.env, CLAWSTER_HOME: home },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
      let output = ""
      for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => (output += String(chunk)))
      return { child, output: () => output }
    }),
    ({ child }) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        process.kill(-child.pid!, "SIGKILL")
      })
  )

const ended = ({ child }: Running) => child.exitCode !== null || child.signalCode !== null

/** To its end, which must be a good one. */
const completed = Effect.fnUntraced(function* (running: Running) {
  yield* until(
    "the command ends",
    Effect.sync(() => ended(running)),
    "120 seconds"
  )
  assert.strictEqual(running.child.exitCode, 0, running.output())
  return running.output()
})

const says = (running: Running, text: string) =>
  until(
    `it says "${text}"`,
    Effect.suspend(() =>
      ended(running)
        ? Effect.die(new Error(`it ended:\n${running.output()}`))
        : Effect.succeed(running.output().includes(text))
    ),
    "120 seconds"
  )

const answers = (url: string) =>
  until(
    `${url} answers`,
    Effect.promise(() =>
      fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
        ({ status }) => status === 200,
        () => false
      )
    ),
    "120 seconds"
  )

it.live.skipIf(why !== undefined)(
  `the README's several machines run a task on another machine's gateway${why === undefined ? "" : ` (skipped: ${why})`}`,
  () =>
    Effect.gen(function* () {
      const subnet = `10.213.${process.pid % 250}`
      const home = yield* Home.make
      const { within } = yield* Namespaces.make(subnet, machines)
      const url = Redacted.value((yield* BridgedPostgres.start(home, subnet)).url)
      const exported = new Map<Machine, Array<string>>(Object.keys(machines).map((name) => [name as Machine, []]))
      let apiKey = ""
      const mine = (line: string) =>
        line
          .replace(/DATABASE_URL=\S+/, `DATABASE_URL=${url}`)
          .replace("CLAWSTER_API_KEY=KEY", `CLAWSTER_API_KEY=${apiKey}`)
          .replaceAll("10.7.0.", `${subnet}.`)
          .replace(/CLAWSTER_OPENCLAW_VERSION=\S+/, "CLAWSTER_DRIVERS=simulated")
          .replace("--driver process", "--driver simulated")
      const on = (machine: Machine, command: string) =>
        run(within(machine), [...exported.get(machine)!, command].join("\n"), join(home, machine))
      let placed = ""
      for (const block of blocks()) {
        for (const machine of block.machines) {
          for (const line of block.lines.map(mine)) {
            if (line.startsWith("export ")) exported.get(machine)!.push(line)
            else if (line.endsWith("-- runner")) yield* says(yield* on(machine, line), "The runner is ready")
            else if (line.endsWith("-- gateway")) {
              yield* on(machine, line)
              yield* answers(`http://${subnet}.${machines[machine]}:7373/health`)
            } else {
              const output = yield* completed(yield* on(machine, line))
              apiKey = /claw_[a-z0-9]+_[0-9a-f]{64}/.exec(output)?.[0] ?? apiKey
              placed += output
            }
          }
        }
      }
      assert.match(placed, /on-a[^]*on-b/)
      assert.match(placed, /completed[^]*(instance|on)\s+on-[ab]/)
      const unplaced = yield* completed(
        yield* on("c", "npm run clawster -- instance register anywhere --driver simulated")
      )
      assert.notInclude(unplaced, "host-c")
    }).pipe(Effect.scoped),
  600_000
)
