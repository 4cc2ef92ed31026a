/** Writes a long result part by part, as the parts arrive. */
import { Effect, FileSystem, Option, PlatformError, Stdio, Stream } from "effect"
import { Flag } from "effect/cli"
import { wholeOf } from "../schema/runs/Output.ts"
import type { OutputPart } from "../schema/runs/Output.ts"
import { BadInput } from "./Input.ts"

export const output = Flag.String("output").pipe(
  Flag.optional,
  Flag.withDescription("File to write to; standard output when absent")
)

const isOfFile = (error: unknown): error is PlatformError.PlatformError => error instanceof PlatformError.PlatformError

/**
 * Writes to the file unchanged, or to standard output with a final line break. The file is opened only when the first
 * part has been read. After a failure, the parts written so far remain.
 */
export const writeWhole = Effect.fnUntraced(function* <E>(
  file: Option.Option<string>,
  read: (from: number) => Effect.Effect<OutputPart, E>
) {
  const first = yield* read(0)
  const text = wholeOf((from) => (from === 0 ? Effect.succeed(first) : read(from)))
  if (Option.isNone(file)) {
    const { stdout } = yield* Stdio.Stdio
    const lines = Stream.concat(text, Stream.make("\n"))
    return yield* Effect.catchIf(Stream.run(lines, stdout({ endOnDone: false })), isOfFile, Effect.die)
  }
  const fs = yield* FileSystem.FileSystem
  yield* Effect.catchIf(Stream.run(Stream.encodeText(text), fs.sink(file.value)), isOfFile, ({ reason }) =>
    Effect.fail(new BadInput({ message: `${file.value} cannot be written: ${reason._tag}` }))
  )
})
