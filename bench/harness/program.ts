/** How the bench programs begin and end. */
import { Cause, Effect, Exit } from "effect"
import * as Postgres from "./postgres.ts"
import * as Report from "./report.ts"

export const say = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

/** Says what it runs on, and starts a PostgreSQL in `directory` that goes with the scope. */
export const begin = Effect.fnUntraced(function* (directory: string) {
  const began = Report.circumstances()
  const syncMillis = Postgres.syncMillis(directory)
  yield* say(`${began.cores} × ${began.cpu}, Node ${began.node}, commit ${began.commit}, load ${began.loadavg[0]}`)
  yield* say(`PostgreSQL 18, fsync on, ${directory}: one synced 8 kB write takes ${syncMillis} ms`)
  return { began, syncMillis, postgres: yield* Postgres.start(directory) }
})

/**
 * Ends the process with 0, or with 1 and the cause on standard error. A signal interrupts the program, so that what it
 * started ends too.
 */
export const runProgram = async <E>(main: Effect.Effect<void, E>): Promise<never> => {
  const controller = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort())
  const exit = await Effect.runPromiseExit(main, { signal: controller.signal })
  if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
  process.exit(Exit.isSuccess(exit) ? 0 : 1)
}
