/**
 * Membership and shard ownership by leases and epochs, over any row store: PostgreSQL (PgLeases.ts) or the simulated
 * cluster.
 *
 * A runner holds one lease, which every refresh renews. A shard belongs to the runner that its row names for as long as
 * that runner is registered, healthy and within its lease; otherwise any other runner may take it. Taking a shard
 * raises its epoch in the same statement, and every later write of the former owner is refused by that epoch (fencing).
 * A shard may therefore be taken from a runner that only seems dead: none of that runner's writes can land.
 */
import { Clock, Duration, Effect, Exit } from "effect"
import { ClusterError, RunnerStorage, ShardingConfig } from "effect/cluster"
import { Ownership } from "../../actor/Ownership.ts"
import * as WriteBatcher from "../journal/WriteBatcher.ts"
import { OwnedShards } from "./OwnedShards.ts"

/** Each is one atomic statement. Time is measured by the store's clock. */
export interface LeaseStatements {
  /** `alive`: healthy and within its lease. Ordered by address. */
  readonly runners: Effect.Effect<ReadonlyArray<{ readonly runner: string; readonly alive: boolean }>, unknown>
  /**
   * Inserts or replaces the runner, with a fresh lease. Returns the machine id, which is the same for the same address.
   */
  readonly register: (
    address: string,
    runner: string,
    healthy: boolean,
    leaseMillis: number
  ) => Effect.Effect<number, unknown>
  readonly unregister: (address: string) => Effect.Effect<void, unknown>
  readonly setHealth: (address: string, healthy: boolean) => Effect.Effect<void, unknown>
  /** Creates missing shards; existing ones stay as they are. */
  readonly createShards: (shardIds: ReadonlyArray<string>) => Effect.Effect<void, unknown>
  /** Takes the shards that are free or already the caller's, and raises the epoch of each by one. */
  readonly take: (
    address: string,
    shardIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>, unknown>
  /**
   * Renews the lease only while it is still `lease` (compare-and-set), and returns the new one; undefined when it is
   * not. Null matches no lease.
   */
  readonly renew: (
    address: string,
    leaseMillis: number,
    lease: string | null
  ) => Effect.Effect<string | undefined, unknown>
  readonly leaseOf: (address: string) => Effect.Effect<string | undefined, unknown>
  readonly shardsOf: (
    address: string
  ) => Effect.Effect<ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>, unknown>
  readonly release: (address: string, shardIds: ReadonlyArray<string>) => Effect.Effect<void, unknown>
  readonly releaseAll: (address: string) => Effect.Effect<void, unknown>
  /** Releases the shards that the address still owns under exactly the given epoch. */
  readonly disclaim: (
    address: string,
    shards: ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>
  ) => Effect.Effect<void, unknown>
}

/** Timeout for the statements of a stopping runner, which must be able to stop without the store, too. */
const storeDeadline = "2 seconds"
/**
 * A store that disappears without closing its connections never answers, and the cluster waits for a release for as
 * long as it takes.
 */
const answerTimeout = "5 seconds"

const persistence = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  ClusterError.PersistenceError.refail(Effect.timeout(effect, answerTimeout))

export const make = Effect.fnUntraced(function* (statements: LeaseStatements) {
  const config = yield* ShardingConfig.ShardingConfig
  const held = yield* OwnedShards
  const ownership = yield* Ownership
  const leaseMillis = Duration.toMillis(Duration.fromInputUnsafe(config.shardLockExpiration))
  const known = new Set<string>()
  let lease: string | undefined
  /**
   * `leaving`: `unregister` was sent, and the store may or may not have received it. `gone`: `unregister` has
   * succeeded.
   */
  let membership: "member" | "leaving" | "gone" = "member"
  /** Epochs of the shards that, at the last refresh, the table said we own under an epoch that we never saw. */
  let strange = new Map<string, number>()

  const createRows = Effect.fnUntraced(function* (shardIds: ReadonlyArray<string>) {
    const missing = shardIds.filter((shardId) => !known.has(shardId))
    if (missing.length === 0) return
    yield* statements.createShards(missing)
    for (const shardId of missing) known.add(shardId)
  })

  const acquire = Effect.fnUntraced(function* (address: string, shardIds: ReadonlyArray<string>) {
    yield* createRows(shardIds)
    const taken = yield* statements.take(address, shardIds)
    yield* held.gained(taken)
    return taken.map(({ shardId }) => shardId)
  })

  /**
   * Batches releases: a runner that joins gets a large part of all shards at once, and each of them is released
   * separately.
   */
  const release = yield* WriteBatcher.make<
    { readonly address: string; readonly shardId: string },
    void,
    WriteBatcher.WriteFailed
  >({
    write: (released) =>
      statements
        .release(
          released[0]!.address,
          released.map(({ shardId }) => shardId)
        )
        .pipe(
          Effect.mapError((error) => new WriteBatcher.WriteFailed({ reason: "Unknown", message: String(error) })),
          Effect.as(released.map(() => Exit.void))
        ),
    failed: (failure) => failure
  })

  /**
   * Renews by compare-and-set on the lease that we last received. A runner whose replies are lost renews once more
   * without noticing, and then never again, so that its shards become free; otherwise it would hold them for as long as
   * its requests reach the store. A reply that reports a mismatch leads to one more try on the lease in the store.
   */
  const renew = Effect.fnUntraced(function* (address: string) {
    lease = yield* statements.renew(address, leaseMillis, lease ?? null)
    if (lease !== undefined) return
    lease = yield* statements.leaseOf(address)
    if (lease === undefined) return
    lease = yield* statements.renew(address, leaseMillis, lease)
    if (lease === undefined) return yield* Effect.fail("another process renews this runner's lease")
  })

  /**
   * Renews the lease first: from then on no other runner takes our shards, so the rows read after it are true for the
   * whole lease.
   *
   * If the table says we own a shard under an epoch we never saw, the reply to that acquisition was lost, or another
   * process at our address acquired it. Such an epoch is never adopted: the shard counts as lost, and is acquired
   * again. If it is still unknown at the next refresh, as are the shards of a former process at our address, it is
   * released, since no other runner can take it while we are alive.
   *
   * A renewal that completes after `unregister` was sent does not restore the lease.
   */
  const refresh = Effect.fnUntraced(function* (address: string) {
    const asked = yield* Clock.currentTimeMillis
    const before = yield* ownership.owned
    yield* renew(address)
    const rows = yield* statements.shardsOf(address)
    const isKnown = ({ epoch, shardId }: { readonly epoch: number; readonly shardId: string }) =>
      held.epochOf(shardId) === epoch
    const still = new Set(rows.filter(isKnown).map(({ shardId }) => shardId))
    const unknown = rows.filter((row) => !isKnown(row))
    const stale = unknown.filter(({ epoch, shardId }) => strange.get(shardId) === epoch)
    strange = new Map(unknown.map(({ epoch, shardId }) => [shardId, epoch]))
    if (stale.length > 0) yield* statements.disclaim(address, stale)
    yield* held.lost(before.filter((shardId) => !still.has(shardId)))
    if (membership === "member" && lease !== undefined) held.leaseUntil(asked + leaseMillis)
    return [...still]
  })

  return RunnerStorage.makeEncoded({
    getRunners: statements.runners.pipe(
      Effect.map((rows) => rows.map(({ alive, runner }) => [runner, alive] as const)),
      persistence
    ),
    register: (address, runner, healthy) =>
      Effect.gen(function* () {
        const asked = yield* Clock.currentTimeMillis
        const machineId = yield* statements.register(address, runner, healthy, leaseMillis)
        membership = "member"
        held.leaseUntil(asked + leaseMillis)
        return machineId
      }).pipe(persistence),
    /**
     * From here on other runners may take the shards, so no more calls are answered under them; commits in flight may
     * still complete.
     */
    unregister: (address) =>
      Effect.suspend(() => {
        held.leaseUntil(0)
        membership = "leaving"
        return Effect.andThen(
          statements.unregister(address),
          Effect.sync(() => (membership = "gone"))
        )
      }).pipe(Effect.timeout(storeDeadline), persistence),
    setRunnerHealth: (address, healthy) => persistence(statements.setHealth(address, healthy)),
    acquire: (address, shardIds) => persistence(acquire(address, shardIds)),
    refresh: (address) => persistence(refresh(address)),
    /**
     * After a successful `unregister` every shard is free already: releasing each of them would only delay its next
     * owner. `releaseAll` clears the rows.
     */
    release: (address, shardId) =>
      Effect.suspend(() => (membership === "gone" ? Effect.void : release({ address, shardId }))).pipe(
        Effect.andThen(held.lost([shardId])),
        persistence
      ),
    releaseAll: (address) =>
      statements
        .releaseAll(address)
        .pipe(Effect.timeout(storeDeadline), Effect.andThen(Effect.flatMap(ownership.owned, held.lost)), persistence)
  })
})
