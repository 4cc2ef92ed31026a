/** Waits for the end of a task, with or without showing what happens to it. */
import { Console, Effect } from "effect"
import { waitMost } from "../../../rpc/Requests.ts"
import type { Cursor } from "../../../schema/feed/Feed.ts"
import type { TaskId, TenantId } from "../../../schema/Ids.ts"
import { terminalPhases } from "../../../schema/Task.ts"
import { Api } from "../../api/Api.ts"
import { followTask, printEvent } from "../../api/Follow.ts"
import { CommandFailed } from "../../CommandFailed.ts"
import { span } from "../../Print.ts"
import { Json } from "../../GlobalFlags.ts"
import { showEnd } from "./show.ts"

export const watchToEnd = Effect.fnUntraced(function* (id: TaskId, owner: TenantId | undefined, after: Cursor) {
  const api = yield* Api
  yield* followTask(id, after)
  const task = yield* api.tasks.get({ taskId: id, tenantId: owner })
  if (!(yield* Json)) return yield* showEnd(task)
  yield* Console.log(JSON.stringify(task))
  if (task.phase !== "completed") return yield* new CommandFailed({ message: `task ${id} ended ${task.phase}` })
})

export const awaitEnd = Effect.fnUntraced(function* (task: TaskId, owner: TenantId | undefined, millis: number) {
  const api = yield* Api
  let left = millis
  let status = yield* api.tasks.wait({ taskId: task, tenantId: owner, millis: Math.min(left, waitMost) })
  while (!terminalPhases.has(status.phase) && (left -= waitMost) > 0) {
    status = yield* api.tasks.wait({ taskId: task, tenantId: owner, millis: Math.min(left, waitMost) })
  }
  yield* showEnd(status)
  if (!terminalPhases.has(status.phase)) {
    return yield* new CommandFailed({ message: `task ${task} is still ${status.phase} after ${span(millis)}` })
  }
})

/** Prints all events so far and returns the position from which to continue. */
export const printPast = Effect.fnUntraced(function* (task: TaskId, owner: TenantId | undefined) {
  const api = yield* Api
  let page = yield* api.tasks.events({ taskId: task, tenantId: owner, limit: 1_000 })
  for (const event of page.items) yield* printEvent(event)
  while (page.next !== undefined) {
    page = yield* api.tasks.events({ taskId: task, tenantId: owner, after: page.next as Cursor, limit: 1_000 })
    for (const event of page.items) yield* printEvent(event)
  }
  return page.position
})
