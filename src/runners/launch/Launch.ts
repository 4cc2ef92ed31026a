/**
 * Runs a process to its end. SIGTERM, SIGINT, SIGHUP (the terminal was closed) and SIGQUIT close its layers in order
 * and exit 0, or 1 when that takes longer than the bound; asked again, it goes on stopping. A failure is said in one
 * line with what to do about it, and exits 1.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Deferred, Effect, Exit, Layer } from "effect"
import { type RunnerUnfit, Unfit } from "../../shards/health/Unfit.ts"
import { explainCause, told } from "./Explain.ts"

/** More than gateways that stop with us may take (10 s), less than orchestrators wait before they kill (30 s). */
const stopWithinMillis = 15_000

const stopping = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const

/** The runtime heeds SIGTERM and SIGINT. */
const forwardSignals = (): void => {
  for (const signal of ["SIGHUP", "SIGQUIT"] as const) process.on(signal, () => process.kill(process.pid, "SIGTERM"))
}

/**
 * A process that cannot reach its store, or whose activity does not end, must not stay on as one that ignores signals.
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

/**
 * Whoever reads what we print may go before us: a closed terminal, a pipe. That is no reason to skip an ordered stop.
 */
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

/** With `CLAWSTER_LIFELINE` set, standard input is held open by whoever started us: when it closes, we stop. */
const heedLifeline = (): void => {
  if (process.env["CLAWSTER_LIFELINE"] === undefined) return
  process.stdin.resume()
  process.stdin.once("close", () => process.kill(process.pid, "SIGTERM"))
}

/** A runner that finds that it cannot serve ends its process as a signal would, and as a failure. */
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
