/** The baseline: the cluster module as it comes, with its SQL message storage. */
import { NodeClusterSocket, NodeCrypto } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Option, type Redacted, Schema } from "effect"
import { ClusterSchema, Entity, RunnerAddress, SingleRunner } from "effect/cluster"
import { Rpc } from "effect/rpc"

const keyed = { key: Schema.String }
const primaryKey = ({ key }: { readonly key: string }) => key

export const StockCounter = Entity.make("StockCounter", [
  Rpc.make("Read", { success: Schema.Int }),
  Rpc.make("Add", { payload: { by: Schema.Int }, success: Schema.Int }).annotate(ClusterSchema.Persisted, true),
  Rpc.make("Run", { payload: keyed, success: Schema.Int, primaryKey }).annotate(ClusterSchema.Persisted, true),
  Rpc.make("Fire", { payload: keyed, primaryKey }).annotate(ClusterSchema.Persisted, true)
])

/** Calls `onFire` each time a discarded message has been handled. */
export const handlers = (onFire: () => void = () => {}) =>
  StockCounter.toLayer(
    Effect.sync(() => {
      let total = 0
      return {
        Read: () => Effect.sync(() => total),
        Add: ({ payload }) => Effect.sync(() => (total += payload.by)),
        Run: () => Effect.sync(() => ++total),
        Fire: () => Effect.sync(onFire)
      }
    })
  )

const sql = (url: Redacted.Redacted) => Layer.orDie(PgClient.layer({ url, maxConnections: 20 }))

/** One process, all defaults. */
export const layerSingle = (url: Redacted.Redacted, onFire?: () => void) =>
  handlers(onFire).pipe(
    Layer.provideMerge(SingleRunner.layer({ runnerStorage: "sql" })),
    Layer.provide([NodeCrypto.layerDigest, sql(url)]),
    Layer.orDie
  )

export const layerRunner = (url: Redacted.Redacted, port: number) =>
  handlers().pipe(
    Layer.provideMerge(
      NodeClusterSocket.layer({
        storage: "sql",
        shardingConfig: { runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)) }
      })
    ),
    Layer.provide(sql(url)),
    Layer.orDie
  )

export const layerClient = (url: Redacted.Redacted) =>
  NodeClusterSocket.layer({ storage: "sql", clientOnly: true }).pipe(Layer.provide(sql(url)), Layer.orDie)
