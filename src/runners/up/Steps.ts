/** Progress on a terminal: one line a step, with its time, and what is going on inside a long one. */
import { Clock, Effect } from "effect"

const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

export interface Step {
  /** What is going on, below the step's name. */
  readonly tell: (line: string) => Effect.Effect<void>
}

const told: Step = { tell: (line) => Effect.asVoid(write(`    ${line}\n`)) }

/** Says that the step began, runs it, and says how long it took. */
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
