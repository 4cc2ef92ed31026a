/** All commands. Commands that use the API get it from the given layer when they run. */
import { Console, type Layer } from "effect"
import { Argument, Command, Completions } from "effect/cli"
import type { Api } from "../api/Api.ts"
import * as GlobalFlags from "../GlobalFlags.ts"
import { call } from "./call.ts"
import { runners, shards } from "./cluster.ts"
import { config } from "./config.ts"
import { doctor } from "./doctor.ts"
import { instance } from "./instance.ts"
import { key } from "./key.ts"
import { lane } from "./lane.ts"
import { message } from "./message.ts"
import { openclaw } from "./openclaw.ts"
import { demo, gateway, migrate, runner, up } from "./processes.ts"
import { session } from "./session.ts"
import { status } from "./status.ts"
import { task } from "./task.ts"
import { tenant } from "./tenant.ts"

export const executable = "clawster"

const shells = ["bash", "zsh", "fish"] as const

const completionOf = (root: () => Command.Command.Any) =>
  Command.make(
    "completion",
    { shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("Your shell")) },
    ({ shell }) =>
      Console.log(
        Completions.generate(executable, shell, Completions.fromCommand(root())).replaceAll(
          "--completions",
          "completion"
        )
      )
  ).pipe(
    Command.withDescription("Print a completion script"),
    Command.withExamples([{ command: "source <(clawster completion bash)", description: "For this shell, now" }])
  )

export const make = <E, R>(api: Layer.Layer<Api, E, R>) => {
  const root = Command.make(executable).pipe(
    Command.withDescription("A distributed actor runtime for fleets of OpenClaw gateways"),
    Command.withSubcommands([
      {
        group: "On this machine",
        commands: [up, demo, config, doctor, openclaw, completionOf((): Command.Command.Any => root)]
      },
      {
        group: "On a cluster",
        commands: [
          status.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          task.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          session.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          instance.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          lane.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          tenant.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          key.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          message.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          call.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          runners.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all)),
          shards.pipe(Command.provide(api), Command.withGlobalFlags(GlobalFlags.all))
        ]
      },
      { group: "Processes", commands: [runner, gateway, migrate] }
    ])
  )
  return root
}
