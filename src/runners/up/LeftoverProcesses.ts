/**
 * Processes of a home that must not outlive `up`: runners, whose identities are stored in files, and gateways, whose
 * identities their runners and guardians store. Gateways are ended when `up` stops, whichever invocation started them.
 * Runners of a killed invocation are ended before the next invocation starts its own.
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

/** Stores the identity of the process, so that a later invocation can find it. */
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

/** Sends SIGTERM, waits for the grace time, then sends SIGKILL. Returns the number of processes that were alive. */
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

/** Longer than a runner needs to hand over its actors. */
const runnerGrace = 17_000
const gatewayGrace = 8_000

export const endRunners = (home: string) =>
  Effect.tap(
    Effect.suspend(() => end(runners(home), runnerGrace)),
    () => Effect.sync(() => rmSync(folder(home), { recursive: true, force: true }))
  )

export const endGateways = (home: string) => Effect.suspend(() => end(gateways(home), gatewayGrace))
