/**
 * A setting whose value is a document: JSON, or the name of a file in JSON or YAML. One that is not as documented fails
 * the start, with each field at fault.
 */
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { faultsOf } from "../../schema/text/FieldFaults.ts"
import { StartFailed } from "../launch/StartFailed.ts"

export interface DocumentSetting<A> {
  readonly name: string
  readonly advice: string
  readonly schema: Schema.Codec<A, unknown>
}

/** JSON begins with a brace, and no path that anybody means does. */
const textOf = (given: string, failed: (what: string) => StartFailed) =>
  given.trimStart().startsWith("{")
    ? Effect.succeed({ text: given, where: "" })
    : Effect.try({
        try: () => ({ text: readFileSync(given, "utf8"), where: ` in ${given}` }),
        catch: (error) =>
          failed(`the file ${given} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
      })

export const read = <A>({ advice, name, schema }: DocumentSetting<A>) => {
  const failed = (what: string) => new StartFailed({ message: `${name}: ${what}`, advice })
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return Effect.fnUntraced(function* (given: string): Effect.fn.Return<A, StartFailed> {
    const { text, where } = yield* textOf(given, failed)
    const value = yield* Effect.try({
      try: (): unknown => parse(text),
      catch: (error) => failed(`${String((error as Error).message).split("\n")[0]}${where}`)
    })
    const decoded = decode(value)
    if (decoded._tag === "Success") return decoded.success
    const faults = faultsOf(decoded.failure.issue).map(
      ({ expected, path }) => `${path === "" ? "the whole" : path}: expected ${expected}`
    )
    return yield* failed(`${faults.slice(0, 5).join("; ")}${where}`)
  })
}
