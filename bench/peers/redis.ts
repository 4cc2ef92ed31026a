/** A redis-server to run: the one on the PATH, or Debian's, unpacked into a folder without installing anything. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"

const packages = ["redis-server", "redis-tools", "liblzf1", "libjemalloc2", "libatomic1"]

export interface Redis {
  readonly REDIS_SERVER: string
  readonly LD_LIBRARY_PATH?: string
}

const onPath = (): string | undefined => {
  try {
    return execFileSync("/bin/sh", ["-c", "command -v redis-server"], { encoding: "utf8" }).trim()
  } catch {
    return undefined
  }
}

/** Undefined when there is none and none can be fetched. */
export const find = (folder: string): Redis | undefined => {
  const installed = onPath()
  if (installed !== undefined) return { REDIS_SERVER: installed }
  const root = join(folder, "root")
  const server = join(root, "usr/bin/redis-server")
  try {
    if (!existsSync(server)) unpack(folder, root)
    const libraries = ["usr/lib", "lib"].flatMap((base) => {
      const path = join(root, base)
      return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []
    })
    const redis = { REDIS_SERVER: server, LD_LIBRARY_PATH: libraries.join(":") }
    execFileSync(server, ["--version"], { env: { ...process.env, ...redis }, stdio: "pipe" })
    return redis
  } catch {
    return undefined
  }
}

const unpack = (folder: string, root: string): void => {
  mkdirSync(folder, { recursive: true })
  execFileSync("apt-get", ["download", ...packages], { cwd: folder, stdio: "pipe", timeout: 120_000 })
  for (const file of readdirSync(folder)) {
    if (file.endsWith(".deb")) execFileSync("dpkg", ["-x", join(folder, file), root], { stdio: "pipe" })
  }
}
