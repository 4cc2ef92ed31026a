/**
 * The account and the directories of the embedded server. PostgreSQL refuses to run as root, so a process that is root
 * runs it as the system user `postgres`, which is created when it is missing. Everything the server needs must be
 * reachable by that user: when the checkout is not (a home directory of mode 700, for example), programs and data are
 * placed below `/var/lib/clawster`.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

export interface Account {
  readonly uid: number
  readonly gid: number
}

const lookUp = (name: string): Account | undefined => {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`))
  const fields = line?.split(":")
  return fields === undefined ? undefined : { uid: Number(fields[2]), gid: Number(fields[3]) }
}

/** The account to run PostgreSQL as; undefined means the current user. */
export const account = (): Account | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const found = lookUp("postgres")
  if (found !== undefined) return found
  execFileSync("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"])
  return lookUp("postgres")
}

const reachable = (path: string): boolean => {
  for (let at = resolve(path); ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

export interface Places {
  readonly native: string
  readonly data: string
}

/**
 * Directories of the programs and of the data. On return, the parent of the data directory exists and belongs to the
 * account.
 */
export const places = (native: string, directory: string, as: Account | undefined): Places => {
  if (as === undefined) {
    mkdirSync(directory, { recursive: true })
    return { native, data: join(directory, "data") }
  }
  const base =
    reachable(dirname(resolve(directory))) && reachable(native)
      ? directory
      : join("/var/lib/clawster", createHash("sha256").update(resolve(directory)).digest("hex").slice(0, 12))
  mkdirSync(base, { recursive: true })
  chownSync(base, as.uid, as.gid)
  if (base === directory) return { native, data: join(base, "data") }
  const copy = join(base, "native")
  if (!existsSync(copy)) {
    // Renamed once it is complete, since a partial copy would be taken for a complete one for ever.
    const draft = join(base, "native.new")
    rmSync(draft, { recursive: true, force: true })
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
    renameSync(draft, copy)
  }
  return { native: copy, data: join(base, "data") }
}
