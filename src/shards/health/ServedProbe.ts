/**
 * Calls that only a runner can answer which serves: they go the way of every call, through its port, its event loop and
 * an actor's mailbox, and are answered from the store. There is one entity for it on each shard, made when it is asked.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Schema } from "effect"
import { ClusterSchema, Entity, Sharding } from "effect/cluster"
import { Rpc, RpcGroup } from "effect/rpc"
import type { ServedProbe } from "../../ports/ClusterReads.ts"
import { Placement } from "../../schema/Ids.ts"
import { OwnedShards } from "../leases/OwnedShards.ts"

const placementOf = (text: string, separator: string): Placement =>
  Placement.make(text.slice(0, text.lastIndexOf(separator)))

/** False: it is not the owner by the store. */
const Serve = Rpc.make("Serve", { success: Schema.Boolean })

export const Probe = Entity.fromRpcGroup(
  "Probe",
  RpcGroup.make(Serve)
    .annotate(ClusterSchema.Persisted, false)
    .annotate(ClusterSchema.ShardGroup, (entityId) => placementOf(entityId, "/"))
)

/** For a runner. */
export const layer = Probe.toLayer(
  Effect.gen(function* () {
    const shardId = (yield* Entity.CurrentAddress).shardId.toString()
    const held = yield* OwnedShards
    const sql = yield* PgClient.PgClient
    return Probe.of({
      Serve: () =>
        sql
          .unsafe<{ epoch: number }>(`SELECT epoch::float8 AS epoch FROM clawster_shards WHERE shard_id = $1::text`, [
            shardId
          ])
          .pipe(
            Effect.map((rows) => rows[0] !== undefined && rows[0].epoch === held.epochOf(shardId)),
            Effect.orElseSucceed(() => false)
          )
    })
  }),
  { concurrency: "unbounded", maxIdleTime: "1 minute" }
)

const patience = "1500 millis"
const atOnce = 16
/** Ids that are tried for one of a shard; each of the 300 shards of a placement is as likely. */
const triesMost = 10_000

/** Asks the owner of each of these shards. */
export const make = Effect.gen(function* () {
  const client = yield* Probe.client
  const sharding = yield* Sharding.Sharding
  const known = new Map<string, string>()

  const entityOf = (shardId: string): string | undefined => {
    const found = known.get(shardId)
    if (found !== undefined) return found
    const placement = placementOf(shardId, ":")
    for (let n = 0; n < triesMost; n++) {
      const entityId = `${placement}/${n}`
      if (sharding.getShardId(entityId as never, placement).toString() !== shardId) continue
      known.set(shardId, entityId)
      return entityId
    }
    return undefined
  }

  const one = Effect.fnUntraced(function* ({
    address,
    shardId
  }: {
    readonly address: string
    readonly shardId: string
  }) {
    const entityId = entityOf(shardId)
    if (entityId === undefined) return []
    const asked = yield* Clock.currentTimeMillis
    const ok = yield* client(entityId)
      .Serve()
      .pipe(
        Effect.timeout(patience),
        Effect.catchCause(() => Effect.succeed(false))
      )
    const probe: ServedProbe = {
      address,
      placement: placementOf(shardId, ":"),
      ok,
      millis: (yield* Clock.currentTimeMillis) - asked
    }
    return [probe]
  })

  return (shards: ReadonlyArray<{ readonly address: string; readonly shardId: string }>) =>
    Effect.map(Effect.forEach(shards, one, { concurrency: atOnce }), (probes) => probes.flat())
})
