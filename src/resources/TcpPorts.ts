/** TCP ports of this machine, tested by binding them briefly. */
import { Effect, Random } from "effect"
import { createServer, type Server } from "node:net"
import { callbackWith } from "./Callback.ts"

/**
 * Below the ports that Linux uses for outgoing connections (`net.ipv4.ip_local_port_range`, from 32768) and those of
 * gateways (`PortRange`), so that no other process is given the port by chance between this test and the start of the
 * server that will use it.
 */
const quiet = { from: 10_000, to: 19_000 } as const
const attempts = 100

/** The error code for which the port cannot be bound on that host; undefined when it can be bound. */
export const refusal = (host: string, port: number): Effect.Effect<string | undefined> =>
  callbackWith<Server, string | undefined>(
    (resume) => {
      const server = createServer()
      server.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "error")))
      return server.listen({ port, host, exclusive: true }, () => server.close(() => resume(Effect.succeed(undefined))))
    },
    (server) => server.close()
  )

/** A port of the IPv4 loopback that was free a moment ago. Dies when 100 attempts find none. */
export const freePort: Effect.Effect<number> = Effect.gen(function* () {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = yield* Random.nextIntBetween(quiet.from, quiet.to)
    if ((yield* refusal("127.0.0.1", port)) === undefined) return port
  }
  return yield* Effect.die(new Error(`no port from ${quiet.from} to ${quiet.to} is free`))
})
