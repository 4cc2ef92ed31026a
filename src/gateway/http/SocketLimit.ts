/**
 * Bounds the number of sockets of one kind in a process. Each costs memory and a file descriptor for as long as the
 * client keeps it open.
 */
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

/** Serves a socket until it ends, or refuses it before the upgrade when the maximum number of sockets is open. */
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
