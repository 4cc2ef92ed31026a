/** Payloads that do not match their schema. */
import { Effect, Schema, SchemaIssue } from "effect"
import type { InvalidInput } from "../../schema/Errors.ts"
import { invalidInput } from "../../schema/text/FieldFaults.ts"

const issueOf = (defect: unknown): SchemaIssue.Issue | undefined => {
  if (Schema.isSchemaError(defect)) return defect.issue
  return defect instanceof Error && SchemaIssue.isIssue(defect.cause) ? defect.cause : undefined
}

/** A payload that does not match its schema fails with `InvalidInput` before anything is sent. */
export const faultsToErrors = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidInput, R> =>
  Effect.catchCause(effect, (cause): Effect.Effect<never, E | InvalidInput> => {
    for (const reason of cause.reasons) {
      const issue = reason._tag === "Die" ? issueOf(reason.defect) : undefined
      if (issue !== undefined) return Effect.fail(invalidInput("Payload", { issue }))
    }
    return Effect.failCause(cause)
  })
