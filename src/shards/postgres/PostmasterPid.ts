/** What a server says of itself in `postmaster.pid` (PostgreSQL, src/include/utils/pidfile.h). */
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"

export interface PostmasterPid {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

export const read = (data: string): PostmasterPid | undefined => {
  const file = join(data, "postmaster.pid")
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, "utf8").split("\n")
  return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === "ready" }
}

/**
 * Whether that process is a PostgreSQL server of this data folder, and not one that was given the same number since.
 */
export const isAlive = ({ pid }: PostmasterPid, data: string): boolean => {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8")
    return command.includes("postgres") && command.includes(data)
  } catch {
    return false
  }
}

/**
 * Forgets a server that is gone. PostgreSQL itself only asks whether any process has the number, and refuses to start
 * when one has, which in a container that was killed and started again is as good as always.
 */
export const forget = (data: string): void => rmSync(join(data, "postmaster.pid"), { force: true })
