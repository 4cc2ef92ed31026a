/**
 * Finds the process of this machine that listens on a port, as far as this user may see it. Linux only; elsewhere none
 * is found.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

const listening = "0A"

const inodesOf = (port: number): ReadonlySet<string> => {
  const hex = port.toString(16).toUpperCase().padStart(4, "0")
  const inodes = new Set<string>()
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    try {
      for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/)
        if (fields[1]?.endsWith(`:${hex}`) === true && fields[3] === listening) inodes.add(`socket:[${fields[9]}]`)
      }
    } catch {
      // This system has no such table.
    }
  }
  return inodes
}

const holds = (pid: string, inodes: ReadonlySet<string>): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 120)
  } catch {
    return ""
  }
}

/** Pid and command of the process, for messages to people. */
export const portHolder = (port: number): string | undefined => {
  const inodes = inodesOf(port)
  if (inodes.size === 0) return undefined
  try {
    const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && holds(name, inodes))
    return pid === undefined ? undefined : `process ${pid} (${commandOf(pid)})`
  } catch {
    return undefined
  }
}
