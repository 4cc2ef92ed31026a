/** The commands about one task. */
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { terminalPhases } from "../../../schema/Task.ts"
import { Api } from "../../api/Api.ts"
import { followTask } from "../../api/Follow.ts"
import * as Input from "../../Input.ts"
import { output, writeWhole } from "../../WholeResult.ts"
import { taskId, tenantId } from "./address.ts"
import { awaitEnd, printPast, watchToEnd } from "./follow.ts"
import { showEnd, showTask } from "./show.ts"

export const get = Command.make(
  "get",
  { task: taskId, watch: Input.watch },
  Effect.fnUntraced(function* ({ task, watch }) {
    const api = yield* Api
    const owner = yield* tenantId
    if (!watch) return yield* showTask(yield* api.tasks.get({ taskId: task, tenantId: owner }))
    const seen = yield* api.tasks.get({ taskId: task, tenantId: owner })
    const position = yield* printPast(task, owner)
    if (terminalPhases.has(seen.phase)) return yield* showEnd(seen)
    yield* watchToEnd(task, owner, position)
  })
).pipe(Command.withDescription("Show a task: where it is, why there, or what it waits for"))

export const result = Command.make(
  "result",
  { task: taskId, output },
  Effect.fnUntraced(function* ({ output, task }) {
    const api = yield* Api
    const owner = yield* tenantId
    yield* writeWhole(output, (from) => api.tasks.result({ taskId: task, tenantId: owner, from }))
  })
).pipe(Command.withDescription("Print the whole result of a task, or write it to a file"))

export const events = Command.make(
  "events",
  { task: taskId, watch: Input.watch },
  Effect.fnUntraced(function* ({ task, watch }) {
    const api = yield* Api
    const owner = yield* tenantId
    const position = yield* printPast(task, owner)
    if (!watch || terminalPhases.has((yield* api.tasks.get({ taskId: task, tenantId: owner })).phase)) return
    yield* followTask(task, position)
  })
).pipe(Command.withDescription("Show what happened to a task, oldest first"))

export const wait = Command.make(
  "wait",
  { task: taskId, timeout: Input.duration("timeout", "How long, 5m when absent").pipe(Flag.withDefault(300_000)) },
  Effect.fnUntraced(function* ({ task, timeout }) {
    yield* awaitEnd(task, yield* tenantId, timeout)
  })
).pipe(Command.withDescription("Wait until a task has ended; exit code 1 unless it completed"))
