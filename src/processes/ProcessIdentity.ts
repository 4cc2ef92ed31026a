/**
 * Identifies a process beyond its pid, which the system reuses. The pid with the time at which the process started and
 * the machine's boot id is unique. Used for identities that are written down and read later by another runner. It
 * depends on Node only, because guardians use it too.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

export interface ProcessIdentity {
  readonly pid: number
  /**
   * On Linux the machine's boot id and the clock ticks from boot to the start of the process; elsewhere the start time
   * that `ps` prints.
   */
  readonly startedAt: string
}

/** The process that has this pid now; undefined when there is none, or it is a zombie (detected on Linux only). */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const startedAt = startTime(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

export const isAlive = (identity: ProcessIdentity): boolean => identify(identity.pid)?.startedAt === identity.startedAt

/** Sends a signal to this process or to its group, unless the pid now belongs to another process. */
export const signal = (identity: ProcessIdentity, name: "SIGTERM" | "SIGKILL", to: "process" | "group"): void => {
  if (!isAlive(identity)) return
  try {
    process.kill(to === "group" ? -identity.pid : identity.pid, name)
  } catch {
    // It ended between the check and the signal.
  }
}

/** Fields of `/proc/PID/stat` after the name, which may itself contain spaces and parentheses: [0] is the state. */
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
    return process.platform === "linux" ? undefined : byPs(pid, "lstart")
  }
}

/** The command line of a process; undefined when there is no such process. */
export const commandLine = (pid: number): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return process.platform === "linux" ? undefined : byPs(pid, "command")
  }
}

const byPs = (pid: number, column: "command" | "lstart"): string | undefined => {
  try {
    const words = ["-ww", "-o", `${column}=`, "-p", String(pid)]
    const text = execFileSync("ps", words, { encoding: "utf8", timeout: 5_000 }).trim()
    return text === "" ? undefined : text
  } catch {
    return undefined
  }
}

let knownBootId: string | undefined

/** Empty where the system does not provide it. */
const bootId = (): string => {
  try {
    return (knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
  } catch {
    return (knownBootId = "")
  }
}
