import { Command } from "effect/cli"
import { cancel } from "./task/cancel.ts"
import { events, get, result, wait } from "./task/get.ts"
import { list } from "./task/list.ts"
import { replay } from "./task/replay.ts"
import { submit } from "./task/submit.ts"

export const task = Command.make("task").pipe(
  Command.withDescription("Submit tasks and see what becomes of them"),
  Command.withSubcommands([submit, get, result, list, cancel, events, wait, replay])
)
