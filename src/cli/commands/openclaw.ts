import { Config, Console, Effect, Option, Path, Schema } from "effect"
import { Argument, Command } from "effect/cli"

/** The installation failed; the message says why and what to do. */
export class InstallFailed extends Schema.TaggedError<InstallFailed>()("InstallFailed", { message: Schema.String }) {}

const directories = Config.all({
  home: Config.String("CLAWSTER_HOME").pipe(Config.withDefault(".clawster")),
  own: Config.option(Config.String("CLAWSTER_OPENCLAW_DIRECTORY"))
})

const install = Command.make(
  "install",
  {
    version: Argument.String("version").pipe(
      Argument.withSchema(
        Schema.String.check(
          Schema.isPattern(/^\d+\.\d+\.\d+(-[\w.]+)?$/, { expected: "an exact version such as 2026.9.6" })
        )
      ),
      Argument.optional,
      Argument.withDescription("Exact version; the one this Clawster was made with when absent")
    )
  },
  Effect.fnUntraced(function* ({ version }) {
    const { defaultVersion, ensure } = yield* Effect.promise(() => import("../../openclaw/install/OpenClawInstall.ts"))
    const { home, own } = yield* directories
    const path = yield* Path.Path
    const directory = Option.match(own, {
      onNone: () => path.resolve(home, "openclaw"),
      onSome: (folder) => path.resolve(folder)
    })
    const wanted = Option.getOrElse(version, () => defaultVersion)
    const openclaw = yield* ensure({ version: wanted, directory, onProgress: (line) => Console.error(line) }).pipe(
      Effect.mapError(({ message }) => new InstallFailed({ message }))
    )
    yield* Console.log(`OpenClaw ${openclaw.version} is in ${directory}`)
  })
).pipe(Command.withDescription("Install OpenClaw for the gateways of this machine; nothing happens when it is there"))

export const openclaw = Command.make("openclaw").pipe(
  Command.withDescription("The managed OpenClaw"),
  Command.withSubcommands([install])
)
