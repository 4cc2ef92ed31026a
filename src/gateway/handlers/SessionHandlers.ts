import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { waitMost } from "../../rpc/Requests.ts"
import { Api } from "../api/Api.ts"
import { answer } from "../http/Respond.ts"
import { resultResponse } from "../http/ResultResponse.ts"
import { RestCall } from "../http/RestCall.ts"
import { Sessions } from "../service/Sessions.ts"

export const SessionHandlers = HttpApiBuilder.group(
  Api,
  "sessions",
  Effect.fnUntraced(function* (handlers) {
    const { changing, reading } = yield* RestCall
    const sessions = yield* Sessions
    return handlers.handleAll({
      create: (request) => answer(Effect.flatMap(changing(request), (call) => sessions.create(call, request.payload))),
      list: ({ query }) => answer(Effect.flatMap(reading, (call) => sessions.list(call, query))),
      get: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => sessions.get(call, { ...params, ...query }))),
      send: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            sessions.send(call, { ...request.params, ...request.query, ...request.payload })
          )
        ),
      turn: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => sessions.turn(call, { ...params, ...query }))),
      turns: ({ params, query }) =>
        answer(Effect.flatMap(reading, (call) => sessions.turns(call, { ...params, ...query }))),
      turnResult: ({ params, query }) =>
        answer(
          Effect.flatMap(reading, (call) =>
            Effect.flatMap(sessions.wholeResult(call, { ...params, ...query }), resultResponse)
          )
        ),
      waitTurn: ({ params, query: { millis = waitMost, ...query } }) =>
        answer(Effect.flatMap(reading, (call) => sessions.waitTurn(call, { ...params, ...query, millis }))),
      steer: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            sessions.steer(call, { ...request.params, ...request.query, ...request.payload })
          )
        ),
      abort: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            sessions.abort(call, { ...request.params, ...request.query, ...request.payload })
          )
        ),
      move: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) =>
            sessions.move(call, { ...request.params, ...request.query, ...request.payload })
          )
        ),
      terminate: (request) =>
        answer(
          Effect.flatMap(changing(request), (call) => sessions.terminate(call, { ...request.params, ...request.query }))
        )
    })
  })
)
