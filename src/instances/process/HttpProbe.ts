/** Probes the gateway's unauthenticated health endpoints: `/healthz` (it answers) and `/startupz` (it accepts work). */
import { type ClientRequest, get } from "node:http"
import { Effect } from "effect"
import { callbackWith } from "../../resources/Callback.ts"

const timeoutMillis = 2_000

/** The HTTP status, or undefined when nothing answered within two seconds. */
const status = (port: number, path: string): Effect.Effect<number | undefined> =>
  callbackWith<ClientRequest, number | undefined>(
    (resume) => {
      const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: timeoutMillis }, (response) => {
        response.resume()
        resume(Effect.succeed(response.statusCode))
      })
      request.once("timeout", () => request.destroy())
      request.on("error", () => resume(Effect.succeed(undefined)))
      return request
    },
    (request) => request.destroy()
  )

export const isLive = (port: number): Effect.Effect<boolean> =>
  Effect.map(status(port, "/healthz"), (code) => code === 200)

export const isStarted = (port: number): Effect.Effect<boolean> =>
  Effect.map(status(port, "/startupz"), (code) => code === 200)
