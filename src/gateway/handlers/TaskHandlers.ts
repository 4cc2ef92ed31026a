import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { waitMost } from "../../rpc/Requests.ts"
import { Api } from "../api/Api.ts"
import { answer } from "../http/Respond.ts"
import { resultResponse } from "../http/ResultResponse.ts"
import { RestCall } from "../http/RestCall.ts"
import { Tasks } from "../service/tasks/Tasks.ts"

export const TaskHandlers = HttpApiBuilder.group(
  Api,
  "tasks",
  Effect.fnUntraced(function* (handlers) {
    const { changing, reading } = yield* RestCall
    const tasks = yield* Tasks
    return handlers.handleAll({
      submit: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => tasks.submit(call, { ...request.payload, ...request.query }))
        ),
      submitMany: (request) =>
        answer(Effect.flatMap(changing(request), (call) => tasks.submitMany(call, request.payload))),
      cancelMany: (request) =>
        answer(Effect.flatMap(changing(request), (call) => tasks.cancelMany(call, request.payload))),
      replay: (request) => answer(Effect.flatMap(changing(request), (call) => tasks.replay(call, request.payload))),
      list: ({ query: { phase, ...query } }) =>
        answer(
          Effect.flatMap(reading, (call) =>
            tasks.list(call, { ...query, ...(phase === undefined ? {} : { phases: phase }) })
          )
        ),
      get: ({ params, query }) => answer(Effect.flatMap(reading, (call) => tasks.get(call, { ...params, ...query }))),
      result: ({ params, query }) =>
        answer(
          Effect.flatMap(reading, (call) =>
            Effect.flatMap(tasks.wholeResult(call, { ...params, ...query }), resultResponse)
          )
        ),
      wait: ({ params, query: { millis = waitMost, ...query } }) =>
        answer(Effect.flatMap(reading, (call) => tasks.wait(call, { ...params, ...query, millis }))),
      events: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => tasks.events(call, { ...params, ...query }))),
      delete: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => tasks.cancel(call, { ...request.params, ...request.query }))
        ),
      cancel: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => tasks.cancel(call, { ...request.params, ...request.payload }))
        )
    })
  })
)
