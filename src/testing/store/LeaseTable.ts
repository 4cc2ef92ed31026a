/** Implements the statements of Leases.ts on the virtual store, with the same rules as on PostgreSQL. */
import { Context, Effect, Layer } from "effect"
import { RunnerStorage } from "effect/cluster"
import * as Leases from "../../shards/leases/Leases.ts"
import { type Lease, LeaseMonitor } from "../../shards/leases/LeaseMonitor.ts"
import type { Host } from "../world/Host.ts"
import type { Database, RunnerRow } from "./Database.ts"

const afterStartLeastMillis = 3_000

const hasStarted = (database: Database, { leaseMillis }: RunnerRow) =>
  database.startedAt + Math.max(leaseMillis / 2, afterStartLeastMillis) < database.now

const isGone = (database: Database, runner: RunnerRow) =>
  runner.leaseUntil + runner.leaseMillis / 4 < database.now && hasStarted(database, runner)

const isAlive = (database: Database, address: string): boolean => {
  const runner = database.runners.get(address)
  return runner !== undefined && runner.healthy && !isGone(database, runner)
}

const groupsOf = ({ runner }: RunnerRow): ReadonlyArray<string> =>
  (JSON.parse(runner) as { readonly groups: ReadonlyArray<string> }).groups

/** The placements of the live runners. */
export const servedPlacements = (database: Database): ReadonlySet<string> =>
  new Set([...database.runners].flatMap(([address, runner]) => (isAlive(database, address) ? groupsOf(runner) : [])))

/** Whether a live runner owns the shard under this epoch. */
export const isOwned = (database: Database, shardId: string, epoch: number): boolean => {
  const shard = database.shards.get(shardId)
  return shard !== undefined && shard.epoch === epoch && shard.owner !== null && isAlive(database, shard.owner)
}

const statements = (database: Database, host: Host): Leases.LeaseStatements => ({
  runners: database.statement(host, "read", "read runners", () =>
    [...database.runners]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, { runner }]) => ({
        runner,
        alive: isAlive(database, address)
      }))
  ),
  register: (address, runner, healthy, leaseMillis) =>
    database.statement(host, "write", "register", () => {
      const machineId = database.runners.get(address)?.machineId ?? ++database.machines
      const leaseUntil = database.now + leaseMillis
      database.runners.set(address, { machineId, runner, healthy, leaseUntil, leaseMillis })
      return machineId
    }),
  unregister: (address) =>
    database.statement(host, "write", "unregister", () => {
      database.runners.delete(address)
    }),
  setHealth: (address, healthy) =>
    database.statement(host, "write", `declare ${address} ${healthy ? "healthy" : "dead"}`, () => {
      const runner = database.runners.get(address)
      if (runner !== undefined) runner.healthy = healthy
    }),
  createShards: (shardIds) =>
    database.statement(host, "write", "create shards", () => {
      for (const shardId of shardIds) {
        if (!database.shards.has(shardId)) database.shards.set(shardId, { owner: null, epoch: 0 })
      }
    }),
  take: (address, shardIds) =>
    database.statement(host, "write", `take ${shardIds.length} shards`, () =>
      shardIds.flatMap((shardId) => {
        const shard = database.shards.get(shardId)
        if (shard === undefined) return []
        if (shard.owner !== null && shard.owner !== address && isAlive(database, shard.owner)) return []
        shard.owner = address
        shard.epoch++
        database.store.epochs.set(shardId, shard.epoch)
        return [{ shardId, epoch: shard.epoch }]
      })
    ),
  renew: (address, leaseMillis, lease) =>
    database.statement(host, "write", "renew the lease", () => {
      const runner = database.runners.get(address)
      if (runner === undefined || String(runner.leaseUntil) !== lease) return undefined
      runner.leaseUntil = database.now + leaseMillis
      return String(runner.leaseUntil)
    }),
  leaseOf: (address) =>
    database.statement(host, "read", "read own lease", () => {
      const runner = database.runners.get(address)
      return runner === undefined ? undefined : String(runner.leaseUntil)
    }),
  shardsOf: (address) =>
    database.statement(host, "read", "read own shards", () => {
      const own: Array<{ shardId: string; epoch: number }> = []
      for (const [shardId, { epoch, owner }] of database.shards) if (owner === address) own.push({ shardId, epoch })
      return own
    }),
  release: (address, shardIds) =>
    database.statement(host, "write", `release ${shardIds.length} shards`, () => {
      for (const shardId of shardIds) {
        const shard = database.shards.get(shardId)
        if (shard?.owner === address) shard.owner = null
      }
    }),
  releaseAll: (address) =>
    database.statement(host, "write", "release all", () => {
      for (const shard of database.shards.values()) if (shard.owner === address) shard.owner = null
    }),
  disclaim: (address, shards) =>
    database.statement(host, "write", `disclaim ${shards.length} shards`, () => {
      for (const { epoch, shardId } of shards) {
        const shard = database.shards.get(shardId)
        if (shard?.owner === address && shard.epoch === epoch) shard.owner = null
      }
    })
})

const watch = (database: Database, host: Host): LeaseMonitor["Service"] => ({
  leases: database.statement(host, "read", "read leases", () =>
    [...database.runners].map(([address, { healthy, leaseMillis, leaseUntil }]): Lease => ({
      address,
      healthy,
      state: leaseUntil < database.now ? "lapsed" : leaseUntil < database.now + leaseMillis / 2 ? "late" : "kept"
    }))
  ),
  disown: (address) =>
    database.statement(host, "write", `disown ${address}`, () => {
      const runner = database.runners.get(address)
      if (runner === undefined || runner.leaseUntil >= database.now || !hasStarted(database, runner)) return
      runner.healthy = false
    })
})

export const layer = (database: Database, host: Host) =>
  Layer.effectContext(
    Effect.gen(function* () {
      return Context.make(RunnerStorage.RunnerStorage, yield* Leases.make(statements(database, host))).pipe(
        Context.add(LeaseMonitor, watch(database, host))
      )
    })
  )
