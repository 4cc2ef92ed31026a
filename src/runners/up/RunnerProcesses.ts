/**
 * The runner processes of `up`. They run in their own process groups, so that Ctrl-C reaches only `up`, which then
 * stops them in order. `up` holds a pipe to the standard input of each; when `up` is gone, the pipe closes and the
 * runner stops. A runner that dies is restarted after a second, and after a minute once it has died more than five
 * times within a minute.
 */
import { Clock, Effect, Schedule, Schema, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../resources/TcpPorts.ts"
import * as BoundedLogs from "./BoundedLogs.ts"
import { forget, remember } from "./LeftoverProcesses.ts"

export class RunnerFailed extends Schema.TaggedError<RunnerFailed>()("RunnerFailed", { message: Schema.String }) {}

export interface RunnerProcess {
  readonly name: string
  readonly port: number
  readonly log: string
  /** Pid of the current process. */
  readonly pid: Effect.Effect<number | undefined>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

export interface RunnerOptions {
  readonly name: string
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

const entry = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../runner.ts" : "../runner.js", import.meta.url))
const stopPatience = "20 seconds"
const restartsAMinute = 5

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

const exitOf = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (!isRunning(child)) return resume(Effect.void)
    const ended = () => resume(Effect.void)
    child.once("exit", ended)
    return Effect.sync(() => child.off("exit", ended))
  })

const end = (child: ChildProcess) =>
  Effect.suspend(() => {
    if (!isRunning(child)) return Effect.void
    child.kill("SIGTERM")
    return exitOf(child).pipe(
      Effect.timeoutOrElse({
        duration: stopPatience,
        orElse: () =>
          Effect.andThen(
            Effect.sync(() => void child.kill("SIGKILL")),
            exitOf(child)
          )
      })
    )
  })

/** Variables of our environment that cannot apply to several runners on one machine. */
const ofOneProcess = ["CLAWSTER_RUNNER_LISTEN_HOST", "CLAWSTER_RUNNER_LISTEN_PORT", "CLAWSTER_METRICS_PORT"]

const inherited = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofOneProcess.includes(name)))

/** Starts one runner. When the scope closes, it is stopped and awaited. */
export const start = Effect.fnUntraced(function* (
  options: RunnerOptions
): Effect.fn.Return<RunnerProcess, never, Scope.Scope> {
  const port = yield* freePort
  const logs = join(options.home, "logs")
  mkdirSync(logs, { recursive: true })
  const log = join(logs, `${options.name}.log`)
  let current: ChildProcess | undefined

  const run = Effect.acquireUseRelease(
    Effect.sync(() => {
      const output = openSync(log, "a")
      current = spawn(process.execPath, [entry], {
        env: { ...inherited(), ...options.env, CLAWSTER_RUNNER_PORT: String(port), CLAWSTER_LIFELINE: "1" },
        stdio: ["pipe", output, output],
        detached: true
      })
      closeSync(output)
      current.stdin?.on("error", () => undefined)
      if (current.pid !== undefined) remember(options.home, options.name, current.pid)
      return current
    }),
    exitOf,
    (child) =>
      Effect.andThen(
        end(child),
        Effect.sync(() => forget(options.home, options.name))
      )
  )
  let recent: ReadonlyArray<number> = []
  const keep = Effect.gen(function* () {
    yield* run
    const now = yield* Clock.currentTimeMillis
    recent = [...recent.filter((at) => now - at < 60_000), now]
    yield* Effect.logWarning(`${options.name} ended; it is started again. Its log: ${log}`)
    yield* Effect.sleep(recent.length > restartsAMinute ? "1 minute" : "1 second")
  })
  yield* BoundedLogs.watch([log])
  yield* Effect.forkScoped(Effect.repeat(keep, Schedule.forever))
  yield* Effect.yieldNow
  return {
    name: options.name,
    port,
    log,
    pid: Effect.sync(() => current?.pid),
    kill: (signal) => Effect.sync(() => void current?.kill(signal))
  }
})
