/**
 * Runs a process to its end. SIGTERM, SIGINT, SIGHUP (the terminal was closed) and SIGQUIT close its layers in order
 * and exit with 0, or with 1 when this takes longer than the timeout. Further signals do not interrupt the shutdown. A
 * failure is printed in one line with advice, and exits with 1.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Deferred, Effect, Exit, Layer } from "effect"
import { type RunnerUnfit, Unfit } from "../../shards/health/UnfitRunner.ts"
import { explainCause, told } from "./ExplainFailure.ts"

/**
 * Longer than gateways may take to stop with this process (10 s), and shorter than orchestrators wait before they kill
 * it (30 s).
 */
const stopWithinMillis = 15_000

const stopping = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const

/** The runtime handles only SIGTERM and SIGINT, so other signals are forwarded as SIGTERM. */
const forwardSignals = (): void => {
  for (const signal of ["SIGHUP", "SIGQUIT"] as const) process.on(signal, () => process.kill(process.pid, "SIGTERM"))
}

/**
 * Exits when the shutdown takes too long: a process that cannot reach its store, or with an activity that does not end,
 * must not appear to ignore signals.
 */
const boundStop = (millis: number): void => {
  let isStopping = false
  for (const signal of stopping) {
    process.on(signal, () => {
      if (isStopping) return
      isStopping = true
      setTimeout(() => {
        process.stderr.write(`clawster: not stopped within ${millis / 1_000} s of ${signal}; exiting as it is\n`)
        process.exit(1)
      }, millis).unref()
    })
  }
}

/** The reader of the output (a terminal, a pipe) may close first. This must not prevent an orderly shutdown. */
const outliveReaders = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners("error")
    stream.on("error", () => undefined)
  }
}

export const main = <E>(
  effect: Effect.Effect<unknown, E>,
  options: { readonly stopWithinMillis?: number } = {}
): void => {
  outliveReaders()
  forwardSignals()
  boundStop(options.stopWithinMillis ?? stopWithinMillis)
  NodeRuntime.runMain(
    effect.pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.void
          : Effect.sync(() => process.stderr.write(told(explainCause(cause))))
      )
    ),
    {
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
    }
  )
}

/** With `CLAWSTER_LIFELINE` set, the parent process keeps standard input open. When it closes, this process stops. */
const heedLifeline = (): void => {
  if (process.env["CLAWSTER_LIFELINE"] === undefined) return
  process.stdin.resume()
  process.stdin.once("close", () => process.kill(process.pid, "SIGTERM"))
}

/** A runner that finds that it cannot serve shuts down as after a signal, but exits with a failure. */
const orUnfit = <E>(layer: Layer.Layer<never, E>): Effect.Effect<never, E | RunnerUnfit> =>
  Effect.gen(function* () {
    const unfit = yield* Deferred.make<never, RunnerUnfit>()
    const end = (error: RunnerUnfit) =>
      Effect.sync(() => setTimeout(() => process.exit(1), stopWithinMillis).unref()).pipe(
        Effect.andThen(Deferred.fail(unfit, error)),
        Effect.asVoid
      )
    const launched = Layer.launch(layer.pipe(Layer.provide(Layer.succeed(Unfit, end))))
    return yield* Effect.raceFirst(launched, Deferred.await(unfit))
  })

export const launch = <E>(layer: Layer.Layer<never, E>): void => {
  heedLifeline()
  main(orUnfit(layer))
}
