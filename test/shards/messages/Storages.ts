/** Both storages over one PostgreSQL: the cluster's own in tables of its own. */
import { NodeCrypto } from "@effect/platform-node"
import { Layer } from "effect"
import { SqlMessageStorage } from "effect/cluster"
import * as PgMessageStorage from "../../../src/shards/messages/PgMessageStorage.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"
import { Storage } from "./conformance.ts"

export const stock = Layer.effect(Storage, SqlMessageStorage.makeEncoded({ prefix: "stock" })).pipe(
  Layer.provide(NodeCrypto.layerDigest),
  Layer.provideMerge(Postgres.layer)
)

/** One more over the same database, as another runner has it. */
export const another = Layer.effect(Storage, PgMessageStorage.make).pipe(Layer.provide(NodeCrypto.layerDigest))

export const gathered = another.pipe(Layer.provideMerge(Postgres.layer))
