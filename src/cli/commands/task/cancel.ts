import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Api } from "../../api/Api.ts"
import * as Input from "../../Input.ts"
import { show } from "../../Print.ts"
import { lane, taskIds, tenantId } from "./address.ts"

const cancellable = ["pending", "scheduled", "retrying", "running"] as const

export const cancel = Command.make(
  "cancel",
  {
    tasks: taskIds,
    reason: Flag.String("reason").pipe(Flag.optional, Flag.withDescription("Kept with the task")),
    all: Flag.Boolean("all").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Every waiting and running task, of --lane if given")
    ),
    lane
  },
  Effect.fnUntraced(function* ({ all, lane, reason, tasks }) {
    const api = yield* Api
    const owner = yield* tenantId
    if (all === tasks.length > 0) return yield* new Input.BadInput({ message: "expected task ids, or --all" })
    if (all && Option.isSome(reason)) {
      return yield* new Input.BadInput({ message: "--reason is kept with named tasks only, not with --all" })
    }
    if (!all) {
      const cancelled = yield* Effect.forEach(tasks, (task) =>
        api.tasks.cancel({ taskId: task, tenantId: owner, reason: Option.getOrUndefined(reason) })
      )
      return yield* show({ tasks: cancelled }, (shown) =>
        shown.tasks.map(({ phase, taskId }) => `${taskId} ${phase}`).join("\n")
      )
    }
    const request = { phases: cancellable, limit: 1_000, ...Input.given({ tenantId: owner, lane }) }
    let total = 0
    let answer = yield* api.tasks.cancelMany(request)
    total += answer.cancelled
    while (answer.remaining > 0 && answer.cancelled > 0) {
      answer = yield* api.tasks.cancelMany(request)
      total += answer.cancelled
    }
    yield* show(
      { cancelled: total, remaining: answer.remaining },
      (shown) => `${shown.cancelled} cancelled, ${shown.remaining} left`
    )
  })
).pipe(Command.withDescription("Cancel tasks: waiting ones end at once, running ones are aborted"))
