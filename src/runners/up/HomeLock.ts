/**
 * Allows only one `up` per home, because its PostgreSQL and its gateways belong to the home. A lock left by a killed
 * process is taken over.
 */
import { Clock, Effect, Schema } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Beacon from "../../processes/Beacon.ts"
import { holderOf, tryLock, unlock } from "../../processes/FileLock.ts"
import { StartFailed } from "../launch/StartFailed.ts"

export class AlreadyUp extends Schema.TaggedError<AlreadyUp>()("AlreadyUp", { message: Schema.String }) {}

const alreadyUp = (home: string, file: string) =>
  new AlreadyUp({
    message: `Clawster is already up in ${home} (process ${holderOf(file)?.pid ?? "unknown"}); stop it, or set CLAWSTER_HOME to another folder`
  })

const beacon = "up.sock"

const lock = (home: string) =>
  Effect.gen(function* () {
    const file = join(home, "up.pid")
    const now = yield* Clock.currentTimeMillis
    if (yield* Beacon.isLit(home, beacon)) return yield* alreadyUp(home, file)
    const isTaken = yield* Effect.try({
      try: () => {
        mkdirSync(home, { recursive: true })
        return tryLock(file, now)
      },
      catch: (error) =>
        new StartFailed({
          message: `the home folder ${home} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
          advice: "give this user the right to write it, or name another by CLAWSTER_HOME or --home"
        })
    })
    return isTaken ? file : yield* alreadyUp(home, file)
  })

/**
 * Held until the scope closes. The file is visible to processes that share the process table, the beacon to processes
 * in other containers.
 */
export const take = (home: string) =>
  Effect.acquireRelease(lock(home), (file) => Effect.sync(() => unlock(file))).pipe(
    Effect.tap(Beacon.light(home, beacon))
  )
