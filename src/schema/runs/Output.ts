/** Long outputs of runs: their size, and reading them in parts. */
import { Effect, Option, Schema, Stream } from "effect"

/** A long text that is stored outside the status. */
export const StoredOutput = Schema.Struct({
  /** The attempt that produced the text. */
  runKey: Schema.String,
  /** Length of the whole text in UTF-16 code units. */
  characters: Schema.Int,
  /** Size of the whole text in UTF-8. */
  bytes: Schema.Int,
  /**
   * Set when the output was longer than the limit: the stored text is its beginning and ends with the length of the
   * whole.
   */
  truncated: Schema.optionalKey(Schema.Literal(true))
})
export type StoredOutput = typeof StoredOutput.Type

/** A part of a run's output. `next` is the offset of the following part; absent on the last part. */
export const OutputPart = Schema.Struct({ text: Schema.String, next: Schema.optionalKey(Schema.Int) })
export type OutputPart = typeof OutputPart.Type

/** Reads part after part. A part is read only after the previous one has been consumed. */
export const wholeOf = <E>(read: (from: number) => Effect.Effect<OutputPart, E>): Stream.Stream<string, E> =>
  Stream.paginate(0, (from: number) =>
    Effect.map(read(from), ({ next, text }) => [[text], Option.fromUndefinedOr(next)] as const)
  )
