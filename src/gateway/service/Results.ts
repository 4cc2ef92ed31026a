/** The whole result of a task or turn, read in parts of bounded size. */
import { Effect } from "effect"
import type { OutputAddress, Outputs } from "../../ports/Outputs.ts"
import { type ActorUnavailable, NotFound } from "../../schema/Errors.ts"
import type { OutputPart, StoredOutput } from "../../schema/runs/Output.ts"

export interface Result {
  /** Size of the whole text in UTF-8. */
  readonly bytes: number
  readonly read: (from: number) => Effect.Effect<OutputPart, NotFound | ActorUnavailable>
}

export const noResult = (id: string, phase: string) =>
  new NotFound({ kind: "result", id, message: `${id} has no result: it is ${phase}` })

const gone = (id: string) => new NotFound({ kind: "result", id, message: `the result of ${id} is not kept any more` })

export const resultOf = (
  outputs: Outputs["Service"],
  id: string,
  { stored, text }: { readonly text: string; readonly stored?: StoredOutput },
  addressOf: (runKey: string) => OutputAddress
): Result => {
  if (stored === undefined) {
    return { bytes: new TextEncoder().encode(text).length, read: () => Effect.succeed({ text }) }
  }
  const address = addressOf(stored.runKey)
  return {
    bytes: stored.bytes,
    read: (from) =>
      Effect.filterOrFail(
        outputs.read(address, from),
        (part) => from > 0 || part.text !== "",
        () => gone(id)
      )
  }
}
