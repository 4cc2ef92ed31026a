/**
 * The processes of a home that `up` must not leave behind: runners, each written down by its identity, and gateways,
 * which runners and guardians write down. They are ended when `up` stops, whatever call of it started them, and runners
 * of a call that was killed before the next one starts its own.
 */
import { Effect, Option, Schedule, Schema } from "effect"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { InstanceFiles } from "../../instances/process/files/InstanceFiles.ts"
import { StoredIdentity } from "../../processes/FileLock.ts"
import { identify, isAlive, type ProcessIdentity, signal } from "../../processes/ProcessIdentity.ts"

const folder = (home: string) => join(home, "run")

const names = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Whoever comes after us finds the process by it. */
export const remember = (home: string, name: string, pid: number): void => {
  const identity = identify(pid)
  if (identity === undefined) return
  mkdirSync(folder(home), { recursive: true })
  writeFileSync(join(folder(home), `${name}.json`), JSON.stringify(identity))
}

export const forget = (home: string, name: string): void => rmSync(join(folder(home), `${name}.json`), { force: true })

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(StoredIdentity))

const runners = (home: string): ReadonlyArray<ProcessIdentity> =>
  names(folder(home)).flatMap((name) => {
    try {
      return Option.toArray(decode(readFileSync(join(folder(home), name), "utf8")))
    } catch {
      return []
    }
  })

const gateways = (home: string): ReadonlyArray<ProcessIdentity> =>
  names(join(home, "gateways")).flatMap((name) => {
    const found = new InstanceFiles(join(home, "gateways", name)).pidFile
    return found === undefined ? [] : [found.gateway, found.guardian]
  })

/** Asks, waits, and then does not ask. Answers how many there were. */
const end = (processes: ReadonlyArray<ProcessIdentity>, graceMillis: number) =>
  Effect.gen(function* () {
    const living = processes.filter(isAlive)
    if (living.length === 0) return 0
    for (const process of living) signal(process, "SIGTERM", "process")
    yield* Effect.sync(() => living.some(isAlive)).pipe(
      Effect.repeat({ while: (some) => some, schedule: Schedule.spaced("50 millis") }),
      Effect.timeoutOption(graceMillis)
    )
    for (const process of living) signal(process, "SIGKILL", "group")
    return living.length
  })

/** Longer than a runner takes to hand its actors over. */
const runnerGrace = 17_000
const gatewayGrace = 8_000

export const endRunners = (home: string) =>
  Effect.tap(
    Effect.suspend(() => end(runners(home), runnerGrace)),
    () => Effect.sync(() => rmSync(folder(home), { recursive: true, force: true }))
  )

export const endGateways = (home: string) => Effect.suspend(() => end(gateways(home), gatewayGrace))
