/**
 * Runs a process to its end: SIGTERM and SIGINT close its layers in order and exit 0, or 1 when that takes longer than 15 s; a failure is said in one line
 * and exits 1.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer } from "effect"

const said = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

export const main = <E>(effect: Effect.Effect<unknown, E>): void =>
  NodeRuntime.runMain(
    effect.pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.sync(() => process.stderr.write(`clawster: ${said(cause)}\n`))
      )
    ),
    {
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
    }
  )

/** With `CLAWSTER_LIFELINE` set, standard input is held open by whoever started us: when it closes, we stop. */
const heedLifeline = (): void => {
  if (process.env["CLAWSTER_LIFELINE"] === undefined) return
  process.stdin.resume()
  process.stdin.once("close", () => process.kill(process.pid, "SIGTERM"))
}

/** More than gateways that stop with us may take (10 s), less than orchestrators wait before they kill (30 s). */
const stopWithinMillis = 15_000

/** A runner that cannot reach its store, or whose activity does not end, must not stay on as a process that ignores signals. */
const boundStop = (): void => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () =>
      setTimeout(() => {
        process.stderr.write(`clawster: not stopped within ${stopWithinMillis / 1_000} s of ${signal}; exiting as it is\n`)
        process.exit(1)
      }, stopWithinMillis).unref())
  }
}

export const launch = <E>(layer: Layer.Layer<never, E>): void => {
  heedLifeline()
  boundStop()
  main(Layer.launch(layer))
}
