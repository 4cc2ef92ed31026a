/** The result of one check of the doctor. */
import { Effect } from "effect"
import { explainCause } from "../launch/ExplainFailure.ts"

export type Level = "ok" | "warn" | "fail"

export interface Finding {
  readonly check: string
  readonly level: Level
  readonly found: string
  /** What to do; absent when nothing needs to be done. */
  readonly advice?: string
}

export const ok = (check: string, found: string): Finding => ({ check, level: "ok", found })
export const warn = (check: string, found: string, advice: string): Finding => ({ check, level: "warn", found, advice })
export const fail = (check: string, found: string, advice: string): Finding => ({ check, level: "fail", found, advice })

const patience = "10 seconds"

/** A check that fails or times out is reported as a finding as well. */
export const checked = <E, R>(name: string, check: Effect.Effect<ReadonlyArray<Finding>, E, R>) =>
  check.pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.succeed([fail(name, `no answer within ${patience}`, "look at the machine's and the network's load")])
    }),
    Effect.catchCause((cause) => {
      const { advice = "see the log", message } = explainCause(cause)
      return Effect.succeed([fail(name, message, advice)])
    })
  )
