/** What the gateway's health asks of the database. */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { Probes } from "../gateway/Probes.ts"
import * as Membership from "../shards/reads/Membership.ts"

export const layer = Layer.effect(
  Probes,
  Effect.map(Effect.context<PgClient.PgClient>(), (context) => ({
    database: Effect.provideContext(Membership.ping, context),
    runners: Effect.provideContext(Membership.runners, context)
  }))
)
