/** Reads `postmaster.pid`, in which a server describes itself (PostgreSQL, src/include/utils/pidfile.h). */
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { commandLine } from "../../processes/ProcessIdentity.ts"

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
 * Whether that process is a PostgreSQL server of this data directory, and not another process that has been given the
 * same pid since.
 */
export const isAlive = ({ pid }: PostmasterPid, data: string): boolean => {
  const command = commandLine(pid)
  return command !== undefined && command.includes("postgres") && command.includes(data)
}

/**
 * Removes the pid file of a server that no longer runs. PostgreSQL itself only checks whether any process has the pid,
 * and refuses to start when one has, which is almost always so in a container that was killed and restarted.
 */
export const forget = (data: string): void => rmSync(join(data, "postmaster.pid"), { force: true })
