/**
 * The connections that write commits, apart from those that read. On them PostgreSQL keeps one plan for each statement
 * (`plan_cache_mode`): it would otherwise plan every commit of few rows anew, because a plan for arrays of unknown
 * length looks dearer to it, and planning takes a third of what such a commit takes in all. Every statement of a commit
 * finds its rows by key, so its plan does not depend on the parameters. Those of reads may.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { flushesAtOnce } from "../journal/WriteBatcher.ts"

/**
 * Connections to the same database as the pool in the context, opened when they are first used, and at most as many as
 * there are flushes at once. They close with the scope.
 */
export const make = Effect.flatMap(PgClient.PgClient, ({ config }) =>
  PgClient.make({
    ...config,
    maxConnections: flushesAtOnce,
    startupParameters: { ...config.startupParameters, plan_cache_mode: "force_generic_plan" }
  })
).pipe(Effect.provide(Reactivity.layer))
