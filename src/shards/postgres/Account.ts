/**
 * PostgreSQL refuses to run as root. As root it runs as the system user `postgres`, made when it is missing, and
 * everything it needs must be reachable by that user: where the checkout is not (a home of mode 700, say), programs and
 * data go below `/var/lib/clawster`.
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

/** Undefined: run as who we are. */
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

/** Where the programs are run from and the data is kept; the data folder's parent exists and belongs to the account. */
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
    // Renamed when it is whole: half a copy would be taken for one for ever.
    const draft = join(base, "native.new")
    rmSync(draft, { recursive: true, force: true })
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
    renameSync(draft, copy)
  }
  return { native: copy, data: join(base, "data") }
}
