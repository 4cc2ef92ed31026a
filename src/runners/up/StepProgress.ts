/** Progress on a terminal: one line per step with its duration, and messages from within a long step. */
import { Clock, Effect } from "effect"

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

export interface Step {
  /** Prints a message below the step's name. */
  readonly tell: (line: string) => Effect.Effect<void>
}

const told: Step = { tell: (line) => Effect.asVoid(write(`    ${line}\n`)) }

/** Prints that the step has started, runs it, and prints its duration. */
export const step = <A, E, R>(
  name: string,
  run: (step: Step) => Effect.Effect<A, E, R>,
  summary: (result: A) => string = () => ""
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    yield* write(`  … ${name}\n`)
    const result = yield* run(told).pipe(Effect.tapCause(() => write(`  ✗ ${name}\n`)))
    const took = seconds((yield* Clock.currentTimeMillis) - started)
    const more = summary(result)
    yield* write(`  ✓ ${name}${more === "" ? "" : `: ${more}`} (${took})\n`)
    return result
  })

export const say = (text: string) => Effect.asVoid(write(`${text}\n`))
