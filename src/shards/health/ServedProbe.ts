/**
 * Calls that only a serving runner can answer. They take the path of every call, through the runner's port, its event
 * loop and an actor's mailbox, and are answered from the store. Each shard has one probe entity, which is created when
 * it is called.
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

/** False when the store does not answer, or has another epoch for the shard than this runner. */
const Serve = Rpc.make("Serve", { success: Schema.Boolean })

export const Probe = Entity.fromRpcGroup(
  "Probe",
  RpcGroup.make(Serve)
    .annotate(ClusterSchema.Persisted, false)
    .annotate(ClusterSchema.ShardGroup, (entityId) => placementOf(entityId, "/"))
)

/** Serves the probe entities of a runner. */
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
/** Maximum ids tried to find an id in a given shard; each of the 300 shards of a placement is equally likely. */
const triesMost = 10_000

/** Creates the function that probes the owner of each of these shards. */
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
