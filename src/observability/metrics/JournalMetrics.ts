/** Metrics of the journal's group commit. */
import { Effect } from "effect"
import { record, timed } from "./Metrics.ts"

/** Measures successful transactions only. */
export const timeFlush = <A, E, R>(commits: number, flush: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tap(timed("clawster_journal_flush_seconds", {}, flush), () =>
    record("clawster_journal_flush_commits", commits, {})
  )
