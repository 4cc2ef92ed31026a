import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"

/** Some values are invalid; the printed table says which. */
export class SettingsWrong extends Schema.TaggedError<SettingsWrong>()("SettingsWrong", { message: Schema.String }) {}

const kinds = ["up", "runner", "gateway", "migrate", "cli"] as const

const show = Command.make(
  "show",
  {
    process: Argument.Literals("process", kinds).pipe(
      Argument.optional,
      Argument.withDescription("Only what such a process reads")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("Print JSON instead of a table"))
  },
  Effect.fnUntraced(function* ({ json, process: kind }) {
    const { rows } = yield* Effect.promise(() => import("../../runners/settings/SettingsTable.ts"))
    const { withoutEmpty } = yield* Effect.promise(() => import("../../runners/settings/EnvironmentCheck.ts"))
    const found = yield* rows(withoutEmpty(process.env), Option.getOrUndefined(kind))
    if (json) yield* Console.log(JSON.stringify(found, null, 2))
    else {
      const width = Math.max(...found.rows.map(({ name }) => name.length))
      for (const { from, name, note, value } of found.rows) {
        const origin = note === undefined ? from : `${from}: ${note}`
        yield* Console.log(`${name.padEnd(width)}  ${value ?? "–"}  (${origin})`)
      }
      for (const sentence of found.unknown) yield* Console.log(`! ${sentence}`)
    }
    const wrong = found.rows.filter(({ isWrong }) => isWrong).map(({ name }) => name)
    if (wrong.length > 0) return yield* new SettingsWrong({ message: `cannot be used: ${wrong.join(", ")}` })
  })
).pipe(
  Command.withDescription("Show every setting: its value, and whether it is set, kept in the home, or the default")
)

export const config = Command.make("config").pipe(
  Command.withDescription("Settings of this machine's processes"),
  Command.withSubcommands([show])
)
