/**
 * The API for Effect programs that run their own actors on their own cluster: the actor kit, the cluster's layers, and
 * a database.
 */
export * as Actor from "./actor/Actor.ts"
export * as ActorClient from "./actor/ActorClient.ts"
export { layer as actorLayer, type Self, type ShellOptions } from "./actor/ActorLayer.ts"
export { Resources } from "./actor/Resources.ts"
export { performers } from "./actor/Performers.ts"
export { send, sendTo } from "./actor/Send.ts"
export { ViewReads } from "./ports/ViewReads.ts"
export { ActorRef } from "./schema/ActorRef.ts"
export { command, protocol } from "./actor/Protocol.ts"
export { ActorUnavailable, IdempotencyConflict, InvalidInput } from "./schema/Errors.ts"
export { defaultPlacement, hostPlacement, type Placement, regionPlacement } from "./schema/Ids.ts"
export * as Cluster from "./shards/Cluster.ts"
export { layer as viewReadsLayer } from "./shards/reads/PgViewReads.ts"
export * as Database from "./shards/Database.ts"
export * as EmbeddedPostgres from "./shards/postgres/EmbeddedPostgres.ts"
export { migrate } from "./shards/Migrations.ts"
export { Secret } from "./schema/Secret.ts"
export { SecretBox } from "./actor/SecretBox.ts"
export * as Secrets from "./shards/secrets/AesSecretBox.ts"
export * as Retention from "./shards/retention/Retention.ts"
