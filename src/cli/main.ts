/** Entry point of the command line. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Exit } from "effect"
import { createRequire } from "node:module"
import { ProcessLauncher } from "./ProcessLauncher.ts"
import * as RpcApi from "./api/RpcApi.ts"
import { run } from "./Invocation.ts"
import { Screen } from "./Terminal.ts"

const { version } = createRequire(import.meta.url)("../../package.json") as { readonly version: string }
const { isTTY = false } = process.stdout

const screen: Screen = {
  isTty: isTTY,
  hasColour: isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb",
  columns: isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
}

let handedOver: (() => Promise<void>) | undefined

const interrupted = 130

// A reader that stops early, such as `head`, is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

run(
  RpcApi.layer,
  version
)(process.argv.slice(2)).pipe(
  Effect.provideService(ProcessLauncher, { to: (start) => Effect.sync(() => (handedOver = start)) }),
  Effect.provideService(Screen, screen),
  Effect.provide(NodeServices.layer),
  (program) =>
    NodeRuntime.runMain(program, {
      disableErrorReporting: true,
      teardown: (exit, onExit) => {
        const code = Exit.isSuccess(exit) ? (exit.value as unknown as number) : interrupted
        if (code !== 0 || handedOver === undefined) return onExit(code)
        handedOver().catch((error: unknown) => {
          process.stderr.write(`clawster: ${error instanceof Error ? error.message : String(error)}\n`)
          process.exit(1)
        })
      }
    })
)
