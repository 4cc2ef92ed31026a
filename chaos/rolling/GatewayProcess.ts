/** The gateway process of a cluster that is upgraded: one port, and whichever version serves it. */
import { Effect, Exit, Scope } from "effect"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import * as Processes from "../../test/fixtures/processes/Processes.ts"
import * as Sources from "../Sources.ts"
import { eventually } from "../World.ts"

const startSeconds = 180

const answers = (url: string) =>
  Effect.promise((signal) =>
    fetch(url, { signal }).then(
      () => true,
      () => false
    )
  )

export interface GatewayProcess {
  readonly url: string
  readonly output: () => string
  /** Ends it in order, and starts it from these sources at the same port. Dies when it does not answer then. */
  readonly replace: (sources: Sources.Sources) => Effect.Effect<void>
}

/** Up until the scope closes. */
export const make = Effect.fnUntraced(function* (sources: Sources.Sources, env: Record<string, string>) {
  const port = yield* TcpPorts.freePort
  const url = `http://127.0.0.1:${port}`
  const scope = yield* Effect.scope
  const start = Effect.fnUntraced(function* (from: Sources.Sources) {
    const own = yield* Scope.fork(scope)
    const running = yield* Processes.start(Sources.gatewayOf(from), [], {
      ready: "",
      env: { ...env, CLAWSTER_HTTP_PORT: String(port) }
    }).pipe(Scope.provide(own))
    if (!(yield* eventually(answers(url), startSeconds)))
      return yield* Effect.die(new Error(`the gateway process of ${from.name} did not start:\n${running.output()}`))
    return { running, own }
  })
  let current = yield* start(sources)
  const replace = Effect.fnUntraced(function* (from: Sources.Sources) {
    yield* current.running.signal("SIGTERM")
    yield* Effect.timeoutOption(current.running.exited, "60 seconds")
    yield* Scope.close(current.own, Exit.void)
    current = yield* start(from)
  })
  return { url, output: () => current.running.output(), replace } satisfies GatewayProcess
})
