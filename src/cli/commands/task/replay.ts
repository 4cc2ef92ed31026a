import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Api } from "../../api/Api.ts"
import * as Input from "../../Input.ts"
import { show } from "../../Print.ts"
import { lane, taskIds, tenantId } from "./address.ts"

export const replay = Command.make(
  "replay",
  {
    tasks: taskIds,
    all: Flag.Boolean("all").pipe(
      Flag.withDefault(false),
      Flag.withDescription("The oldest 1,000 dead letters of --lane, or of each lane")
    ),
    lane
  },
  Effect.fnUntraced(function* ({ all, lane, tasks }) {
    const api = yield* Api
    if (all === tasks.length > 0) return yield* new Input.BadInput({ message: "expected task ids, or --all" })
    const answer = yield* api.tasks.replay(
      Input.given({ tenantId: yield* tenantId, lane, taskIds: Input.listed(tasks) })
    )
    yield* show(answer, ({ remaining = 0, replayed }) => {
      if (replayed.length + remaining === 0) return "nothing to replay"
      return [...replayed.map((id) => `${id} replayed`), ...(remaining > 0 ? [`${remaining} left`] : [])].join("\n")
    })
  })
).pipe(Command.withDescription("Put dead-lettered tasks back with a fresh budget"))
