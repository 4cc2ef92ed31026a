/**
 * A cluster-wide lock that admits one registration of an instance id at a time. An instance's actor belongs to a
 * placement, so the same id in two placements is two actors that are unaware of each other. A registration therefore
 * first checks whether the id is taken, and no other registration of that id may run in between.
 */
import { PgClient } from "@effect/sql-pg"
import { type Cause, Effect, Semaphore } from "effect"
import { ActorUnavailable } from "../../schema/Errors.ts"
import type { InstanceId } from "../../schema/Ids.ts"
import { faultOfCause, tell } from "../postgres/DatabaseFaultLog.ts"
import { toldOf } from "../reads/StoreUnavailable.ts"

/** First key of the advisory locks, which separates them from other locks in the database. */
const space = 7_373_002

/**
 * Maximum concurrent registrations per process. Each holds a connection of the pool while it waits for the lock and
 * while it has it.
 */
const atOnce = 2

export interface InstanceIdLock {
  /**
   * Runs `use` while holding the lock on the id. Fails with `ActorUnavailable` when the lock cannot be obtained within
   * the session's lock timeout (10 s), or the store does not grant it for another reason. The lock is released however
   * `use` ends, and when this process dies.
   */
  readonly hold: <A, E, R>(
    instanceId: InstanceId,
    use: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | ActorUnavailable, R>
}

const busy = new ActorUnavailable({
  reason: "Overloaded",
  message: "another registration of this instance is under way; try again",
  retryAfterMillis: 1_000
})

/** SQLSTATE `lock_not_available`: the lock timeout has passed. */
const lockTimeout = "55P03"

const refusalOf = (cause: Cause.Cause<unknown>): ActorUnavailable =>
  faultOfCause(cause)?.code === lockTimeout ? busy : toldOf(cause)

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
        Effect.catchCause((cause) => Effect.fail(refusalOf(cause))),
        Effect.andThen(use),
        Effect.scoped,
        permits.withPermits(1)
      )
  } satisfies InstanceIdLock as InstanceIdLock
})
