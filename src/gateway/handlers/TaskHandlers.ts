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
          Effect.flatMap(changing(request), (call) => tasks.submitOne(call, request.payload, request.query.wait ?? 0))
        ),
      submitMany: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            Effect.map(tasks.submit(call, request.payload.tasks), (outcomes) => ({ tasks: outcomes }))
          )
        ),
      cancelMany: (request) =>
        answer(Effect.flatMap(changing(request), (call) => tasks.cancelWhere(call, request.payload))),
      replay: (request) => answer(Effect.flatMap(changing(request), (call) => tasks.replay(call, request.payload))),
      list: ({ query: { phase, ...query } }) =>
        answer(Effect.flatMap(reading, (call) => tasks.list(call, { ...query, phases: phase }))),
      get: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => tasks.get(call, params.taskId, query.tenantId))),
      result: ({ params, query }) =>
        answer(
          Effect.flatMap(reading, (call) =>
            Effect.flatMap(tasks.result(call, params.taskId, query.tenantId), resultResponse)
          )
        ),
      wait: ({ params, query: { millis = waitMost, tenantId } }) =>
        answer(Effect.flatMap(reading, (call) => tasks.wait(call, { ...params, tenantId, millis }))),
      events: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => tasks.events(call, { ...params, ...query }))),
      delete: (request) =>
        answer(Effect.flatMap(changing(request), (call) => tasks.cancel(call, request.params.taskId, request.query))),
      cancel: (request) =>
        answer(Effect.flatMap(changing(request), (call) => tasks.cancel(call, request.params.taskId, request.payload)))
    })
  })
)
