/**
 * Launches one instance's gateway process on this host under a guardian, watches it and ends it, through the instance's
 * files. It handles neither epochs nor ports.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Clock, Effect, Result } from "effect"
import type { DriverError } from "../InstanceDriver.ts"
import { type ExitMeaning, exitMeaning, tell } from "./ExitCodes.ts"
import { isLive, isStarted } from "./HttpProbe.ts"
import { tailLines } from "./files/LogTail.ts"
import type { InstanceFiles, Launch, PidFile } from "./files/InstanceFiles.ts"
import { isAlive, signal } from "../../processes/ProcessIdentity.ts"

const pollMillis = 100
const guardianMillis = 15_000
const launchPollMillis = 20
const killMillis = 10_000
const lastLines = 40

/** The guardian script beside this file, as TypeScript source or as built JavaScript. */
const guardianPath = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./guardian.ts" : "./guardian.js", import.meta.url)
)

/** The running gateway of this instance, whose live guardian will record its exit code. */
export const runningGateway = (files: InstanceFiles): PidFile | undefined => {
  const found = files.pidFile
  return found !== undefined && isAlive(found.gateway) && isAlive(found.guardian) ? found : undefined
}

/** Starts a guardian for the launch, and waits until it reports the processes or how the launch failed. */
export const launch = Effect.fn("Guardianship.launch")(function* (files: InstanceFiles, wanted: Launch) {
  const guardian = yield* Effect.sync(() => {
    files.removePidFile(files.pidFile?.incarnation)
    files.pruneExits()
    files.keepConsoleLog()
    files.writeLaunch(wanted)
    return spawnGuardian(files, wanted)
  })
  const deadline = (yield* Clock.currentTimeMillis) + guardianMillis
  while ((yield* Clock.currentTimeMillis) < deadline) {
    const ended = guardian.ended()
    const found = files.pidFile
    if (found?.incarnation === wanted.incarnation) return Result.succeed(found)
    if (files.exit(wanted.incarnation) !== undefined)
      return Result.fail(meaningOfExit(files, wanted.incarnation, false))
    if (ended !== undefined) return Result.fail(guardianFailed(`ended: ${ended}`))
    yield* Effect.sleep(launchPollMillis)
  }
  return Result.fail(guardianFailed(`did not report within ${guardianMillis} ms`))
})

const guardianFailed = (what: string): ExitMeaning => ({
  reason: "LaunchFailed",
  message: `the gateway's guardian process ${what}`,
  retryable: true
})

/**
 * Spawns the guardian in its own session, so that a signal to the runner's process group or terminal does not reach it.
 */
const spawnGuardian = (files: InstanceFiles, { incarnation }: Launch): { readonly ended: () => string | undefined } => {
  let ended: string | undefined
  const child = spawn(
    process.execPath,
    ["--no-warnings", "--max-old-space-size=32", guardianPath, files.run, incarnation],
    { detached: true, stdio: "ignore", env: { PATH: process.env.PATH ?? "" } }
  )
  child.once("error", (error) => (ended = error.message))
  child.once("exit", (code, signal) => (ended ??= `exit code ${code ?? signal}`))
  child.unref()
  return { ended: () => ended }
}

/** Waits for the startup probe. Fails when the gateway ends first, or at the deadline. */
export const awaitStarted = Effect.fn("Guardianship.awaitStarted")(function* (
  files: InstanceFiles,
  running: PidFile,
  timeoutMillis: number
) {
  const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
  while ((yield* Clock.currentTimeMillis) < deadline) {
    if (yield* isStarted(running.port)) return Result.succeed(undefined)
    if (isGone(files, running)) return Result.fail(meaningOfExit(files, running.incarnation, false))
    yield* Effect.sleep(pollMillis)
  }
  const live = yield* isLive(running.port)
  return Result.fail<ExitMeaning>({
    reason: "StartupTimeout",
    message:
      `the gateway ${live ? "answers but did not report that it started" : "did not answer"} within ${timeoutMillis} ms` +
      tell(tailLines(files.consoleLog, lastLines)),
    retryable: true
  })
})

/**
 * Sends SIGTERM, which drains running turns, and after `graceMillis` SIGKILL to the whole process group. Each signal is
 * sent `asOwner`. Returns `false` when the gateway did not end.
 */
export const end = Effect.fn("Guardianship.end")(function* (
  files: InstanceFiles,
  running: PidFile,
  graceMillis: number,
  asOwner: <A>(use: Effect.Effect<A>) => Effect.Effect<A, DriverError>
) {
  if (graceMillis > 0) {
    yield* asOwner(Effect.sync(() => signal(running.gateway, "SIGTERM", "process")))
    if (yield* awaitGone(files, running, graceMillis)) return true
  }
  yield* asOwner(Effect.sync(() => signal(running.gateway, "SIGKILL", "group")))
  return yield* awaitGone(files, running, killMillis)
})

const awaitGone = Effect.fnUntraced(function* (files: InstanceFiles, running: PidFile, timeoutMillis: number) {
  const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
  while (!isGone(files, running)) {
    const left = deadline - (yield* Clock.currentTimeMillis)
    if (left <= 0) return false
    yield* Effect.sleep(Math.min(pollMillis, left))
  }
  return true
})

/** Whether its exit is recorded, or neither the gateway nor its guardian is alive to record one. */
export const isGone = (files: InstanceFiles, { gateway, guardian, incarnation }: PidFile): boolean =>
  files.exit(incarnation) !== undefined || (!isAlive(gateway) && !isAlive(guardian))

/** Whether the incarnation may still be running, or its guardian is about to record its exit. */
export const isGuarded = (files: InstanceFiles, incarnation: string): boolean => {
  const found = files.pidFile
  return found?.incarnation === incarnation && isAlive(found.guardian) && files.exit(incarnation) === undefined
}

/**
 * The meaning of an incarnation's end. The exit code comes from the guardian, also for a gateway that another runner
 * started.
 */
export const meaningOfExit = (
  files: InstanceFiles,
  incarnation: string,
  started: boolean
): ExitMeaning & { readonly exitCode?: number } => {
  const exit = files.exit(incarnation)
  const lines = tailLines(files.consoleLog, lastLines)
  const meaning = exitMeaning(
    { exitCode: exit?.exitCode },
    exit?.error === undefined ? lines : [...lines, exit.error],
    started
  )
  return exit === undefined ? meaning : { ...meaning, exitCode: exit.exitCode }
}
