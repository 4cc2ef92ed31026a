import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { answer } from "../http/Respond.ts"
import { RestCall } from "../http/RestCall.ts"
import { Instances } from "../service/instances/Instances.ts"

const linesShown = 200

export const InstanceHandlers = HttpApiBuilder.group(
  Api,
  "instances",
  Effect.fnUntraced(function* (handlers) {
    const { changing, reading } = yield* RestCall
    const instances = yield* Instances
    return handlers.handleAll({
      register: (request) =>
        answer(Effect.flatMap(changing(request), (call) => instances.register(call, request.payload))),
      list: ({ query }) => answer(Effect.flatMap(reading, (call) => instances.list(call, query))),
      get: ({ params }) => answer(Effect.flatMap(reading, (call) => instances.get(call, params))),
      health: ({ params }) => answer(Effect.flatMap(reading, (call) => instances.health(call, params))),
      load: ({ params }) => answer(Effect.flatMap(reading, (call) => instances.load(call, params))),
      update: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            instances.update(call, { ...request.params, update: request.payload })
          )
        ),
      logs: ({ params, query: { limit = linesShown, ...query } }) =>
        answer(Effect.flatMap(reading, (call) => instances.logs(call, { ...params, ...query, limit }))),
      metrics: ({ params }) => answer(Effect.flatMap(reading, (call) => instances.metrics(call, params))),
      start: (request) => answer(Effect.flatMap(changing(request), (call) => instances.start(call, request.params))),
      stop: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => instances.stop(call, { ...request.params, ...request.payload }))
        ),
      drain: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => instances.drain(call, { ...request.params, ...request.payload }))
        ),
      deregister: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            instances.deregister(call, { ...request.params, ...request.query })
          )
        )
    })
  })
)
