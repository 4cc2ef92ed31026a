/**
 * The account and the directories of the embedded server. PostgreSQL refuses to run as root, so a process that is root
 * runs it as the system user `postgres`, which is created when it is missing. Everything the server needs must be
 * reachable by that user: when the programs are not (a checkout below a directory of mode 700, for example), a copy of
 * them is used, one for each version; when the directory of the data is not, they are placed elsewhere. Both are below
 * `/var/lib/clawster`.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync
} from "node:fs"
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

const below = "/var/lib/clawster"

const versionOf = (native: string): string => {
  const { version } = JSON.parse(readFileSync(join(dirname(native), "package.json"), "utf8")) as { version: string }
  return version
}

/** The programs where the account reaches them. */
const reachablePrograms = (native: string, elsewhere: string): string => {
  const real = realpathSync(native)
  if (reachable(real)) return native
  const copy = join(elsewhere, `programs-${versionOf(real)}`)
  if (existsSync(copy)) return copy
  mkdirSync(elsewhere, { recursive: true })
  // Renamed once it is complete, since a partial copy would be taken for a complete one for ever.
  const draft = mkdtempSync(`${copy}.`)
  cpSync(real, draft, { recursive: true, verbatimSymlinks: true })
  chmodSync(draft, 0o755)
  try {
    renameSync(draft, copy)
  } catch (error) {
    // Another process was complete first.
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(copy)) throw error
  }
  return copy
}

/**
 * Directories of the programs and of the data. On return, the parent of the data directory exists and belongs to the
 * account. Data that were placed elsewhere once are used there.
 */
export const places = (
  native: string,
  directory: string,
  as: Account | undefined,
  elsewhere: string = below
): Places => {
  if (as === undefined) {
    mkdirSync(directory, { recursive: true })
    return { native, data: join(directory, "data") }
  }
  const digest = createHash("sha256").update(resolve(directory)).digest("hex")
  const moved = join(elsewhere, digest.slice(0, 12))
  const base = reachable(dirname(resolve(directory))) && !existsSync(join(moved, "data")) ? directory : moved
  mkdirSync(base, { recursive: true })
  chownSync(base, as.uid, as.gid)
  return { native: reachablePrograms(native, elsewhere), data: join(base, "data") }
}
