/**
 * Checks a process's environment before it starts: every value that the process reads must be valid, and every
 * `CLAWSTER_` name must be known.
 */
import { Effect, Layer } from "effect"
import { nearest } from "../../schema/text/NearestName.ts"
import { StartFailed } from "../launch/StartFailed.ts"
import * as Catalogue from "./Catalogue.ts"
import { faultOf, type ProcessKind } from "./Setting.ts"

/** Variables for communication between Clawster's own processes, which users do not set. */
const internal = new Set(["CLAWSTER_LIFELINE"])

/** Settings of earlier versions, and why they are not needed. They are told, and are no reason to refuse a start. */
const retired: Readonly<Record<string, string>> = {
  CLAWSTER_HOSTS: "hosts are those that runners register",
  CLAWSTER_REGIONS: "regions are those that runners register (CLAWSTER_REGION)"
}

export type Environment = Readonly<Record<string, string>>

/** Removes empty variables: compose files and shells set a variable to the empty string to leave it out. */
export const withoutEmpty = (env: NodeJS.ProcessEnv): Environment =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "")
  )

/** A sentence for each `CLAWSTER_` variable that no process reads, or reads any more. */
export const unknown = (env: Environment): ReadonlyArray<string> => {
  const known = new Set(Catalogue.all.map(({ name }) => name))
  return Object.keys(env)
    .filter((name) => name.startsWith("CLAWSTER_") && !known.has(name) && !internal.has(name))
    .map((name) => {
      const why = retired[name]
      if (why !== undefined) return `${name} is set and is no longer used: ${why}; leave it out`
      const meant = nearest(name, known)
      return `${name} is set and nothing reads it${meant === undefined ? "" : `; did you mean ${meant}?`}`
    })
}

/** The invalid values among the settings that a process of this kind reads. */
export const faults = (kind: ProcessKind, env: Environment) =>
  Effect.map(
    Effect.forEach(
      Catalogue.all.filter(({ readBy }) => readBy.includes(kind)),
      (setting) => faultOf(setting, env)
    ),
    (found) => found.filter((fault) => fault !== undefined)
  )

/**
 * Fails with the first invalid value. Removes empty variables from the environment, so that later readers treat them as
 * absent as well. It has no requirements, so that it can run before any setting is read.
 */
export const refuse = (kind: ProcessKind): Effect.Effect<void, StartFailed> =>
  Effect.gen(function* () {
    for (const { name } of Catalogue.all) if (process.env[name] === "") delete process.env[name]
    const [first, ...others] = yield* faults(kind, withoutEmpty(process.env))
    if (first === undefined) return
    return yield* new StartFailed({
      message: first.message,
      advice:
        others.length === 0
          ? "clawster config show lists every setting"
          : `also wrong: ${others.map(({ name }) => name).join(", ")}; clawster config show lists every setting`
    })
  })

/** Logs a warning for each `CLAWSTER_` variable that is unknown or no longer used. */
export const tellUnknown = Effect.suspend(() =>
  Effect.forEach(
    unknown(withoutEmpty(process.env)),
    (sentence) => Effect.logWarning(sentence).pipe(Effect.annotateLogs({ event: "setting.unknown" })),
    { discard: true }
  )
)

export const layerRefuse = (kind: ProcessKind) => Layer.effectDiscard(refuse(kind))
export const layerTell = Layer.effectDiscard(tellUnknown)
