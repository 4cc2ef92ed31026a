/** TCP ports of this machine, looked at by binding them for a moment. */
import { Effect } from "effect"
import { type AddressInfo, createServer, type Server } from "node:net"
import { callbackWith } from "./Callback.ts"

/** A port of the IPv4 loopback that was free a moment ago. Dies when none can be had. */
export const freePort: Effect.Effect<number> = callbackWith<Server, number>(
  (resume) => {
    const server = createServer()
    server.on("error", (error) => resume(Effect.die(error)))
    return server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resume(Effect.succeed(port)))
    })
  },
  (server) => server.close()
)

/** The code of the error for which the port cannot be bound there; undefined when it can. */
export const refusal = (host: string, port: number): Effect.Effect<string | undefined> =>
  callbackWith<Server, string | undefined>(
    (resume) => {
      const server = createServer()
      server.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "error")))
      return server.listen({ port, host, exclusive: true }, () => server.close(() => resume(Effect.succeed(undefined))))
    },
    (server) => server.close()
  )
