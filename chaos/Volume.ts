/** A small volume of its own for PostgreSQL, so that a disk can be filled without filling the machine's. */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Volume {
  readonly directory: string
  /** Why the disk cannot be filled, when it cannot. */
  readonly unmountable: string | undefined
  /** Takes every byte that is left. */
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
}

const imageBytes = 1_536 * 1024 * 1024
const run = (program: string, ...args: ReadonlyArray<string>) => execFileSync(program, args, { stdio: "pipe" })

const mount = (parent: string, at: string): string | undefined => {
  const image = join(parent, "image")
  try {
    closeSync(openSync(image, "w"))
    truncateSync(image, imageBytes)
    run("mkfs.ext4", "-q", "-F", "-m", "0", image)
    run("mount", "-o", "loop", image, at)
    return undefined
  } catch (error) {
    rmSync(image, { force: true })
    return error instanceof Error ? error.message.split("\n")[0]! : String(error)
  }
}

const fill = (file: string): void => {
  const ballast = openSync(file, "w")
  for (let size = 1024 * 1024; size >= 4_096; size /= 16) {
    const block = Buffer.alloc(size, 1)
    try {
      while (true) writeSync(ballast, block)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
    }
  }
  closeSync(ballast)
}

/** Mounted until the scope closes; a plain directory where the system does not let us mount. */
export const make: Effect.Effect<Volume, never, Scope.Scope> = Effect.gen(function* () {
  const parent = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-chaos-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  chmodSync(parent, 0o755)
  const directory = join(parent, "volume")
  mkdirSync(directory)
  const unmountable = yield* Effect.acquireRelease(
    Effect.sync(() => mount(parent, directory)),
    (failed) =>
      failed === undefined ? Effect.ignore(Effect.try(() => run("umount", "--lazy", directory))) : Effect.void
  )
  chmodSync(directory, 0o755)
  const ballast = join(directory, "ballast")
  return {
    directory,
    unmountable,
    fill: Effect.sync(() => fill(ballast)),
    free: Effect.sync(() => rmSync(ballast, { force: true }))
  }
})
