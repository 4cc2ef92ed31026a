/** The options of `clawster up`. */
import { Effect, type Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse, type YAMLParseError } from "yaml"
import { join, resolve } from "node:path"
import * as Settings from "../Settings.ts"
import { StartFailed } from "../launch/StartFailed.ts"

export interface UpOptions {
  readonly runners: number
  readonly instances: number
  /** Address and port on which the gateway listens. */
  readonly host: string
  readonly port: number
  readonly home: string
  /** Folder of the OpenClaw installations, with one subfolder per version. */
  readonly openclawDirectory: string
  readonly databaseUrl?: string
  /** File with the user's own OpenClaw configuration, JSON or YAML. */
  readonly openclawConfig?: string
  /** File that declares further instances beside those of `instances`, JSON or YAML. */
  readonly instancesFile?: string
}

/**
 * Options from the command line, otherwise from the environment, otherwise defaults. `within` is the subfolder of the
 * configured home that is used when the command line gives no home.
 */
export const complete = Effect.fnUntraced(function* (given: Partial<UpOptions>, within = "") {
  const { host, port } = yield* Settings.gateway
  const base = yield* Settings.home
  const home = given.home === undefined ? join(base, within) : resolve(given.home)
  return {
    runners: 3,
    instances: 2,
    host,
    port,
    ...given,
    home,
    openclawDirectory: yield* Settings.openclawDirectory(given.home === undefined ? base : home)
  } satisfies UpOptions as UpOptions
})

const optionOf = (file: string) => `--openclaw-config ${file}`

/** Fails with the line of the error in the file. JSON is a subset of YAML, so one parser reads both. */
export const readConfig = (file: string): Effect.Effect<Record<string, Schema.Json>, StartFailed> =>
  Effect.gen(function* () {
    const text = yield* Effect.try({
      try: () => readFileSync(file, "utf8"),
      catch: (error) =>
        new StartFailed({
          message: `${optionOf(file)} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
          advice: "name a file that is there and that this user can read"
        })
    })
    const value = yield* Effect.try({
      try: (): unknown => parse(text),
      catch: (error) => {
        const { linePos, message } = error as YAMLParseError
        const line = linePos === undefined ? "" : `, line ${linePos[0].line}`
        return new StartFailed({
          message: `${optionOf(file)}${line}: ${message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "")}`,
          advice: "mend that line; JSON and YAML are read"
        })
      }
    })
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return yield* new StartFailed({
        message: `${optionOf(file)}: expected an object of OpenClaw settings`,
        advice: "see the reference of OpenClaw's configuration"
      })
    }
    return value as Record<string, Schema.Json>
  })
