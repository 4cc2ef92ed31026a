/**
 * Which process a pid means. A pid alone is recycled by the system; together with the time at which the process
 * started, and the boot of the machine, it is not. Used for whatever is written down and read again by another runner.
 * Needs nothing but Node, since guardians use it too.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since the boot of the machine, with the boot's own id. */
  readonly startedAt: string
}

/** The process that has this pid now; undefined when none has, or it is a zombie. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const startedAt = startTime(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

export const isAlive = (identity: ProcessIdentity): boolean => identify(identity.pid)?.startedAt === identity.startedAt

/** Sends a signal to this process, or to its group, unless its pid means another process by now. */
export const signal = (identity: ProcessIdentity, name: "SIGTERM" | "SIGKILL", to: "process" | "group"): void => {
  if (!isAlive(identity)) return
  try {
    process.kill(to === "group" ? -identity.pid : identity.pid, name)
  } catch {
    // It ended between the check and the signal.
  }
}

/** Fields of `/proc/PID/stat` after the name, which may itself hold spaces and parentheses: [0] is the state. */
export const statFields = (stat: string): ReadonlyArray<string> =>
  stat
    .slice(stat.lastIndexOf(")") + 2)
    .trim()
    .split(" ")

const startTime = (pid: number): string | undefined => {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))
    return fields[0] === "Z" || fields[0] === "X" ? undefined : `${bootId()}:${fields[19]}`
  } catch {
    return process.platform === "linux" ? undefined : startTimeByPs(pid)
  }
}

const startTimeByPs = (pid: number): string | undefined => {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", timeout: 5_000 }).trim()
    return text === "" ? undefined : text
  } catch {
    return undefined
  }
}

let knownBootId: string | undefined

/** Empty where the system does not tell it. */
const bootId = (): string => {
  try {
    return (knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
  } catch {
    return (knownBootId = "")
  }
}
