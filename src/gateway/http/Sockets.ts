/** The sockets of one kind that a process holds: each costs memory and a descriptor for as long as its client likes. */
import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Overloaded } from "../../schema/Errors.ts"
import { EdgeConfig } from "../EdgeConfig.ts"
import { errorResponse } from "./Respond.ts"

const mostDefault = 10_000

const full = (most: number): HttpServerResponse.HttpServerResponse =>
  errorResponse(
    new Overloaded({
      layer: "sockets",
      message: `this gateway holds ${most} sockets and takes no more`,
      retryAfterMillis: 5_000
    })
  )

/** Serves a socket to its end, or refuses it before the upgrade when there are as many as may be. */
export const bounded = Effect.map(EdgeConfig, ({ socketsMost = mostDefault }) => {
  let sockets = 0
  return <E, R>(serve: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.suspend(() => {
      if (sockets >= socketsMost) return Effect.succeed(full(socketsMost))
      sockets++
      return Effect.ensuring(
        serve,
        Effect.sync(() => sockets--)
      )
    })
})
