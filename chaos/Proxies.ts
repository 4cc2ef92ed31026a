/**
 * The campaign's proxies, in a process of their own: callers that are busy waiting must not hold up what the runners
 * say to PostgreSQL.
 */
import { Effect, Scope } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as FaultProxy from "../test/fixtures/servers/FaultProxy.ts"

type Order =
  | { readonly _tag: "start"; readonly port: number; readonly target: number }
  | { readonly _tag: "refuse" | "accept" | "heal"; readonly port: number }
  | { readonly _tag: "hold"; readonly port: number; readonly directions: ReadonlyArray<FaultProxy.Direction> }

export type Proxy = Pick<FaultProxy.FaultProxy, "port" | "refuse" | "accept" | "hold" | "heal">

/** They run until the scope closes; what is asked of them after that is of no use to anybody, and ignored. */
export const make = Effect.gen(function* () {
  let isOver = false
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (isOver = true))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(import.meta.url))),
    (child) =>
      Effect.sync(() => {
        isOver = true
        child.kill("SIGKILL")
      })
  )
  const report = (problem: string) => {
    if (!isOver) process.stderr.write(`${problem}\n`)
  }
  child.once("exit", (code, signal) =>
    report(
      `the proxies' process ended in the middle of the campaign (${signal ?? code}): no runner is reached any more`
    )
  )
  const tell = (order: Order) => {
    child.send(order, (error) => {
      if (error !== null) report(`the proxies were not told to ${order._tag} port ${order.port}: ${error.message}`)
    })
  }
  return (port: number, target: number): Proxy => {
    tell({ _tag: "start", port, target })
    return {
      port,
      refuse: () => tell({ _tag: "refuse", port }),
      accept: () => tell({ _tag: "accept", port }),
      hold: (directions) => tell({ _tag: "hold", port, directions }),
      heal: () => tell({ _tag: "heal", port })
    }
  }
})

if (import.meta.main) {
  const scope = Scope.makeUnsafe()
  const proxies = new Map<number, FaultProxy.FaultProxy>()
  process.once("disconnect", () => process.exit(0))
  process.on("message", (order: Order) => {
    if (order._tag === "start") {
      proxies.set(order.port, Effect.runSync(Scope.provide(FaultProxy.start(order), scope)))
    } else if (order._tag === "hold") proxies.get(order.port)!.hold(order.directions)
    else proxies.get(order.port)![order._tag]()
  })
}
