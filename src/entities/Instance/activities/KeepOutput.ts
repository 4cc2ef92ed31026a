/**
 * Stores a long answer of a run before the run's end is reported. The reported end then carries the beginning of the
 * text and the size of the whole.
 */
import { Effect, Schedule } from "effect"
import { type Attempt, sessionOf } from "../../../schema/runs/Attempt.ts"
import { cut, gatewayBounds, isCut } from "../../../schema/text/Bounds.ts"
import {
  beginningOf,
  inlineMost,
  ofTask,
  ofTurn,
  type OutputAddress,
  Outputs,
  previewMost
} from "../../../ports/Outputs.ts"
import type { RunOutcome } from "../runs/RunTransitions.ts"

/**
 * Retries while the store is unavailable, with exponential backoff from 50 ms to 5 s and jitter, for as long as the run
 * is wanted: without the store the run's end could not be committed either.
 */
export const patience = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered
)

type Completed = Extract<RunOutcome, { readonly _tag: "completed" }>

const addressOf = (attempt: Attempt): OutputAddress | undefined => {
  const { runKey, taskId, tenantId, turnId } = attempt
  if (taskId !== undefined) return ofTask(tenantId, taskId, runKey)
  const sessionId = sessionOf(attempt)
  return sessionId === undefined || turnId === undefined ? undefined : ofTurn(tenantId, sessionId, turnId, runKey)
}

const store = Effect.fnUntraced(function* (address: OutputAddress, outcome: Completed, text: string) {
  const outputs = yield* Outputs
  const stored = yield* Effect.orDie(Effect.retry(outputs.put(address, text), patience))
  const told = isCut(text, gatewayBounds.answer) ? { ...stored, truncated: true as const } : stored
  return { ...outcome, result: { ...outcome.result, text: beginningOf(text, previewMost), stored: told } }
})

export const keepOutput = (attempt: Attempt, outcome: RunOutcome): Effect.Effect<RunOutcome, never, Outputs> => {
  if (outcome._tag !== "completed") return Effect.succeed(outcome)
  const text = cut(outcome.result.text, gatewayBounds.answer)
  const address = text.length > inlineMost ? addressOf(attempt) : undefined
  if (address !== undefined) return store(address, outcome, text)
  return Effect.succeed(text === outcome.result.text ? outcome : { ...outcome, result: { ...outcome.result, text } })
}
