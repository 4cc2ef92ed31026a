/** One `up` a home: its PostgreSQL and its gateways belong to it. The lock is a file with our process id; one left by a killed run is taken over. */
import { Effect, Schema } from "effect"
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

export class AlreadyUp extends Schema.TaggedError<AlreadyUp>()("AlreadyUp", { message: Schema.String }) {}

const isAlive = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("node")
  } catch {
    return false
  }
}

const tryTake = (file: string): boolean => {
  try {
    const handle = openSync(file, "wx", 0o644)
    writeSync(handle, String(process.pid))
    closeSync(handle)
    return true
  } catch {
    return false
  }
}

/** Held until the scope closes. */
export const take = (home: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      mkdirSync(home, { recursive: true })
      const file = join(home, "up.pid")
      if (tryTake(file)) return Effect.succeed(file)
      const pid = Number(readFileSync(file, "utf8"))
      if (isAlive(pid)) {
        return Effect.fail(
          new AlreadyUp({ message: `Clawster is already up in ${home} (process ${pid}); stop it, or set CLAWSTER_HOME to another folder` })
        )
      }
      rmSync(file, { force: true })
      return tryTake(file)
        ? Effect.succeed(file)
        : Effect.fail(new AlreadyUp({ message: `another process has just taken ${home}; try again` }))
    }),
    (file) => Effect.sync(() => rmSync(file, { force: true }))
  )
