/**
 * The parent of one gateway process, itself a small process that outlives the runner. It reports the processes
 * (`process.json`), records the exit code for a later runner (`exits/`), and ends the gateway when no runner has
 * touched the lease for `orphanAfterMillis`, or when another launch is wanted.
 *
 * Run as `node guardian.ts RUN_DIRECTORY INCARNATION`. It depends on nothing but Node, so that it stays small.
 */
import { spawn } from "node:child_process"
import { openSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import type { ExitFile, Launch, PidFile } from "./files/InstanceFiles.ts"
import { identify, signal } from "../../processes/ProcessIdentity.ts"

const checkMillis = 500
const consoleLogBytesMax = 16 * 1024 * 1024

const [, , directory = "", incarnation = ""] = process.argv

const readLaunch = (): Launch | undefined => {
  try {
    return JSON.parse(readFileSync(join(directory, "launch.json"), "utf8")) as Launch
  } catch {
    return undefined
  }
}

const write = (name: string, content: PidFile | ExitFile): void => {
  const path = join(directory, name)
  writeFileSync(`${path}.${process.pid}.tmp`, JSON.stringify(content), { mode: 0o600 })
  renameSync(`${path}.${process.pid}.tmp`, path)
}

const end = (exitCode: number, error?: string): never => {
  write(join("exits", `${incarnation}.json`), { incarnation, exitCode, ...(error === undefined ? {} : { error }) })
  return process.exit(0)
}

const guard = (launch: Launch): void => {
  const console = openSync(launch.consoleLog, "a", 0o600)
  const [program, ...args] = launch.command
  const child = spawn(program!, args, {
    cwd: launch.cwd,
    env: launch.env,
    detached: true,
    stdio: ["ignore", console, console]
  })
  child.once("error", (error) => end(127, error.message))
  child.once("spawn", () => watch(launch, child.pid!))
  child.once("exit", (code, name) => {
    sweep(child.pid!)
    end(code ?? 128 + (name === null ? 0 : constants.signals[name]))
  })
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => child.kill("SIGTERM"))
}

/** Kills the processes that the gateway started and left behind; they are in its process group. */
const sweep = (pid: number): void => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // No process was left.
  }
}

const watch = (launch: Launch, pid: number): void => {
  const gateway = identify(pid)
  const guardian = identify(process.pid)
  if (gateway === undefined || guardian === undefined) return
  write("process.json", { incarnation, port: launch.port, guardian, gateway })

  let lease = leaseTime()
  let renewedAt = performance.now()
  let ending = false
  setInterval(() => {
    const found = leaseTime()
    if (found !== lease) {
      lease = found
      renewedAt = performance.now()
    }
    const orphaned = performance.now() - renewedAt > launch.orphanAfterMillis
    const wanted = readLaunch()?.incarnation === incarnation
    if (!ending && (orphaned || !wanted)) {
      ending = true
      if (wanted) writeFileSync(join(directory, "stopping"), "", { mode: 0o600 })
      signal(gateway, "SIGTERM", "process")
      setTimeout(() => signal(gateway, "SIGKILL", "group"), launch.killAfterMillis)
    }
    boundLog(launch.consoleLog)
  }, checkMillis)
}

/** Modification time of the lease. It is only compared with earlier values of itself, so the wall clock may jump. */
const leaseTime = (): number => {
  try {
    return statSync(join(directory, "lease")).mtimeMs
  } catch {
    return 0
  }
}

const boundLog = (path: string): void => {
  try {
    if (statSync(path).size > consoleLogBytesMax) truncateSync(path)
  } catch {
    // The log was removed; the gateway keeps its open file.
  }
}

const wanted = readLaunch()
if (wanted?.incarnation === incarnation) guard(wanted)
