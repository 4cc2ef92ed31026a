/** What runs said, when it is long: its size, and how it is read. */
import { Effect, Option, Schema, Stream } from "effect"

/** A long text that is kept apart. */
export const StoredOutput = Schema.Struct({
  /** The attempt that said it. */
  runKey: Schema.String,
  /** UTF-16 code units of the whole. */
  characters: Schema.Int,
  /** Of the whole, in UTF-8. */
  bytes: Schema.Int,
  /**
   * Set when the run said more than is kept: what is stored is the beginning, and ends with the length of the whole.
   */
  truncated: Schema.optionalKey(Schema.Literal(true))
})
export type StoredOutput = typeof StoredOutput.Type

/** A part of what a run said. `next` is where to read on; absent on the last. */
export const OutputPart = Schema.Struct({ text: Schema.String, next: Schema.optionalKey(Schema.Int) })
export type OutputPart = typeof OutputPart.Type

/** Part after part, each read when the one before has been taken. */
export const wholeOf = <E>(read: (from: number) => Effect.Effect<OutputPart, E>): Stream.Stream<string, E> =>
  Stream.paginate(0, (from: number) =>
    Effect.map(read(from), ({ next, text }) => [[text], Option.fromUndefinedOr(next)] as const)
  )
