/** What `clawster up` can be told. */
import { Effect, type Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse, type YAMLParseError } from "yaml"
import { StartFailed } from "../StartFailed.ts"

export interface UpOptions {
  readonly runners: number
  readonly instances: number
  readonly port: number
  readonly home: string
  /** Where OpenClaw is installed, one folder a version. */
  readonly openclawDirectory: string
  readonly databaseUrl?: string
  /** OpenClaw configuration of the user's own: JSON or YAML. */
  readonly openclawConfig?: string
}

export const defaults: UpOptions = {
  runners: 3,
  instances: 2,
  port: 7_373,
  home: ".clawster",
  openclawDirectory: ".clawster/openclaw"
}

const optionOf = (file: string) => `--openclaw-config ${file}`

/** Fails with the line where the file is wrong. JSON is YAML too, so one parser reads both. */
export const readConfig = (file: string): Effect.Effect<Record<string, Schema.Json>, StartFailed> =>
  Effect.gen(function*() {
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
