import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { answer } from "../http/Respond.ts"
import { RestCall } from "../http/RestCall.ts"
import { Lanes } from "../service/tasks/Lanes.ts"

export const LaneHandlers = HttpApiBuilder.group(
  Api,
  "lanes",
  Effect.fnUntraced(function* (handlers) {
    const { changing, reading } = yield* RestCall
    const lanes = yield* Lanes
    return handlers.handleAll({
      configure: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            lanes.configure(call, { ...request.params, ...request.query, config: request.payload })
          )
        ),
      get: ({ params, query }) => answer(Effect.flatMap(reading, (call) => lanes.get(call, { ...params, ...query }))),
      list: ({ query }) => answer(Effect.flatMap(reading, (call) => lanes.list(call, query)))
    })
  })
)
