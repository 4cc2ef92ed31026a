import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { answer } from "../http/Respond.ts"
import { RestCall } from "../http/RestCall.ts"
import { Keys } from "../service/Keys.ts"

export const KeyHandlers = HttpApiBuilder.group(
  Api,
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const { changing, reading } = yield* RestCall
    const keys = yield* Keys
    return handlers.handleAll({
      create: (request) => answer(Effect.flatMap(changing(request), (call) => keys.create(call, request.payload))),
      list: ({ query }) => answer(Effect.flatMap(reading, (call) => keys.list(call, query))),
      revoke: (request) => answer(Effect.flatMap(changing(request), (call) => keys.revoke(call, request.params)))
    })
  })
)
