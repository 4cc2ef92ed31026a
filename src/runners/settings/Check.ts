/**
 * The environment of a process, looked through before it starts: every value that it reads is one that is expected, and
 * no name of ours is unknown.
 */
import { Effect, Layer } from "effect"
import { nearest } from "../../schema/text/Nearest.ts"
import { StartFailed } from "../launch/StartFailed.ts"
import * as Catalogue from "./Catalogue.ts"
import { faultOf, type ProcessKind } from "./Setting.ts"

/** Not for people to set: how processes of ours speak with each other, and those of the compose file. */
const internal = new Set(["CLAWSTER_LIFELINE"])

export type Environment = Readonly<Record<string, string>>

/** Without what is set and empty, which is how compose files and shells leave a thing out. */
export const withoutEmpty = (env: NodeJS.ProcessEnv): Environment =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "")
  )

/** A sentence for each variable that nobody reads. */
export const unknown = (env: Environment): ReadonlyArray<string> => {
  const known = new Set(Catalogue.all.map(({ name }) => name))
  return Object.keys(env)
    .filter((name) => name.startsWith("CLAWSTER_") && !known.has(name) && !internal.has(name))
    .map((name) => {
      const meant = nearest(name, known)
      return `${name} is set and nothing reads it${meant === undefined ? "" : `; did you mean ${meant}?`}`
    })
}

/** What is wrong with the values that such a process reads. */
export const faults = (kind: ProcessKind, env: Environment) =>
  Effect.map(
    Effect.forEach(
      Catalogue.all.filter(({ readBy }) => readBy.includes(kind)),
      (setting) => faultOf(setting, env)
    ),
    (found) => found.filter((fault) => fault !== undefined)
  )

/**
 * Fails with the first value that cannot be used. Empty variables are removed from the environment, so that whoever
 * reads it later takes them for absent, too. Needs nothing, so that it comes before whatever reads a setting.
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

/** Says what nobody reads. */
export const tellUnknown = Effect.suspend(() =>
  Effect.forEach(
    unknown(withoutEmpty(process.env)),
    (sentence) => Effect.logWarning(sentence).pipe(Effect.annotateLogs({ event: "setting.unknown" })),
    { discard: true }
  )
)

export const layerRefuse = (kind: ProcessKind) => Layer.effectDiscard(refuse(kind))
export const layerTell = Layer.effectDiscard(tellUnknown)
