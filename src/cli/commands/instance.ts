import { Command } from "effect/cli"
import { get, health, logs, metrics } from "./instance/inspect.ts"
import { drain, start, stop } from "./instance/lifecycle.ts"
import { list } from "./instance/instanceList.ts"
import { deregister, register } from "./instance/register.ts"
import { update } from "./instance/update.ts"

export const instance = Command.make("instance").pipe(
  Command.withDescription("OpenClaw gateways: register, look after, remove"),
  Command.withSubcommands([register, update, list, get, health, start, stop, drain, logs, metrics, deregister])
)
