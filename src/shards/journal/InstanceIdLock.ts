/**
 * One registration of an instance id at a time in the whole cluster. The actor of an instance belongs to a placement,
 * so two of one id in two placements are two actors that know nothing of each other: whoever registers looks first
 * whether the id is taken, and nobody else may register it between.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Semaphore } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import { tell } from "../postgres/FaultLog.ts"

/** Keeps these locks apart from others of the database. */
const space = 7_373_002

/** Each holds a connection of the pool while it waits. */
const atOnce = 2

export interface InstanceIdLock {
  /**
   * Fails when the lock cannot be had within the session's lock timeout (10 s). Given back however `use` ends, and when
   * this process dies.
   */
  readonly hold: <A, E, R>(
    instanceId: InstanceId,
    use: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | ActorUnavailable, R>
}

const busy = new ActorUnavailable({
  message: "another registration of this instance is under way; try again",
  retryAfterMillis: 1_000
})

export const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const permits = yield* Semaphore.make(atOnce)

  const locked = Effect.fnUntraced(function* (instanceId: InstanceId) {
    const connection = yield* sql.reserve
    const ask = (verb: string) =>
      connection.execute(`SELECT pg_advisory_${verb}(${space}, hashtext($1))`, [instanceId], undefined)
    yield* Effect.acquireRelease(ask("lock"), () => Effect.ignore(ask("unlock")))
  })

  return {
    hold: (instanceId, use) =>
      locked(instanceId).pipe(
        Effect.tapCause((cause) => tell("An instance id could not be locked", cause)),
        Effect.mapError(() => busy),
        Effect.andThen(use),
        Effect.scoped,
        permits.withPermits(1)
      )
  } satisfies InstanceIdLock as InstanceIdLock
})
