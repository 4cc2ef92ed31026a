/**
 * Membership and shard ownership by leases and epochs, over whatever keeps the rows. PostgreSQL does
 * (PgLeases.ts), and the simulated cluster.
 *
 * A runner holds one lease, renewed by every refresh. A shard belongs to the runner its row names for as long as that
 * runner is registered, healthy and within its lease; else any other may take it. Taking a shard raises its epoch in
 * the same statement, and every later write of the former owner is refused by that epoch. So a shard may be taken from
 * a runner that only seems dead: nothing it does can land.
 */
import { Clock, Duration, Effect, Exit } from "effect"
import { ClusterError, RunnerStorage, ShardingConfig } from "effect/cluster"
import { Ownership } from "../../actor/Ownership.ts"
import * as WriteBatcher from "../journal/WriteBatcher.ts"
import { OwnedShards } from "./OwnedShards.ts"

/** Each is one statement, atomic by itself. Time is the store's own. */
export interface LeaseStatements {
  /** `alive`: healthy and within its lease. Ordered by address. */
  readonly runners: Effect.Effect<ReadonlyArray<{ readonly runner: string; readonly alive: boolean }>, unknown>
  /** Inserts or replaces, with a fresh lease; answers the machine id, the same for the same address. */
  readonly register: (
    address: string,
    runner: string,
    healthy: boolean,
    leaseMillis: number
  ) => Effect.Effect<number, unknown>
  readonly unregister: (address: string) => Effect.Effect<void, unknown>
  readonly setHealth: (address: string, healthy: boolean) => Effect.Effect<void, unknown>
  /** Those that are there already stay as they are. */
  readonly createShards: (shardIds: ReadonlyArray<string>) => Effect.Effect<void, unknown>
  /** Takes what is free or already the caller's, each under an epoch one higher. */
  readonly take: (
    address: string,
    shardIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>, unknown>
  /** Only while its lease is the one named; answers the new one. Null names none. */
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
  /** Gives up those that are still the address's own under just that epoch. */
  readonly disclaim: (
    address: string,
    shards: ReadonlyArray<{ readonly shardId: string; readonly epoch: number }>
  ) => Effect.Effect<void, unknown>
}

/** For what a stopping runner tells the store: it must end without it, too. */
const storeDeadline = "2 seconds"
/** A store that went away without a word never answers; the cluster waits for a release for as long as it takes. */
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
  /** `leaving`: it has said goodbye, and may or may not have been heard. `gone`: it was. */
  let membership: "member" | "leaving" | "gone" = "member"
  /** Ours by the rows and unknown to us, at the last refresh. */
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

  /** A runner that joins is given a good part of all shards in one moment, each by a release of its own. */
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
   * Names the lease that was last heard of. A runner whose answers get lost renews once more without knowing, and never
   * again, so that its shards become free; else it would hold them for as long as it can be heard.
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
   * Renews the lease first: from then on nobody takes what is still ours, so what is read after it is true for the
   * whole lease.
   *
   * A shard that is ours under another epoch than we know was taken by a statement whose answer never came. It may have
   * been another process of our address that asked, so its epoch is not adopted: the shard counts as lost, and is taken
   * again. One that is still not known at the next refresh, as those of a former process of our address, is given up,
   * since nobody else can take it while we live.
   *
   * An answer that comes after the goodbye gives no lease back.
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
     * From here on others may take the shards, so nothing more is answered under them; what is being committed may
     * still end.
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
     * Of a runner that has left, every shard is free already: to say so of each would only hold up who takes it.
     * `releaseAll` tidies up.
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
