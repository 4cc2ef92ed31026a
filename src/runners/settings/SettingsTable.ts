/** Settings as text: the values that a process in this environment would read, and the table of all settings. */
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Catalogue from "./Catalogue.ts"
import { type Environment, unknown } from "./EnvironmentCheck.ts"
import * as HostName from "./HostName.ts"
import { faultOf, type ProcessKind, type Setting } from "./Setting.ts"

export interface Row {
  readonly name: string
  /** Undefined when there is none. The values of secrets are hidden. */
  readonly value: string | undefined
  readonly from: "environment" | "default" | "file" | "none"
  /** The file the value comes from, or why the value is invalid. */
  readonly note: string | undefined
  readonly isWrong: boolean
  readonly readBy: ReadonlyArray<ProcessKind>
}

const hidden = "(hidden)"

/** The value stored in the home, which takes precedence over the default. */
const kept = (setting: Setting<unknown>, home: string): readonly [value: string, file: string] | undefined => {
  if (setting.name === Catalogue.hostName.name) {
    const name = HostName.kept(home)
    return name === undefined ? undefined : [name, join(home, "host-name")]
  }
  const file = join(home, "cli.json")
  const isOfCli = setting.readBy.length === 1 && setting.readBy[0] === "cli"
  return isOfCli && existsSync(file) ? [setting.isSecret === true ? hidden : "what it says", file] : undefined
}

const rowOf = (setting: Setting<unknown>, env: Environment, home: string): Effect.Effect<Row> =>
  Effect.gen(function* () {
    const { fallback, isSecret, name, readBy } = setting
    const given = env[name]
    if (given !== undefined) {
      const fault = yield* faultOf(setting, env)
      const note = fault === undefined ? undefined : `expected ${setting.type}`
      return {
        name,
        value: isSecret === true ? hidden : given,
        from: "environment",
        note,
        isWrong: fault !== undefined,
        readBy
      }
    }
    const found = kept(setting, home)
    if (found !== undefined) return { name, value: found[0], from: "file", note: found[1], isWrong: false, readBy }
    return {
      name,
      value: fallback,
      from: fallback === undefined ? "none" : "default",
      note: undefined,
      isWrong: false,
      readBy
    }
  })

/**
 * The settings that processes of this kind read, or all settings without a kind, and the variables that no process
 * reads.
 */
export const rows = Effect.fnUntraced(function* (env: Environment, kind?: ProcessKind) {
  const home = resolve(env["CLAWSTER_HOME"] ?? ".clawster")
  const wanted = Catalogue.all.filter(({ readBy }) => kind === undefined || readBy.includes(kind))
  return { rows: yield* Effect.forEach(wanted, (setting) => rowOf(setting, env, home)), unknown: unknown(env) }
})

const cell = (text: string): string => text.replaceAll("|", "\\|")

/** The README's table. */
export const markdown = (): string =>
  [
    "| Variable | Default | Read by | Meaning |",
    "| --- | --- | --- | --- |",
    ...Catalogue.all.map(
      ({ fallback, meaning, name, readBy }) =>
        `| \`${name}\` | ${fallback ?? "–"} | ${readBy.join(", ")} | ${cell(meaning)} |`
    )
  ].join("\n")
