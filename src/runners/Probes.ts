/** What the gateway's health asks of the database. */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { ProbeFailed, Probes } from "../gateway/Probes.ts"
import { faultOf } from "../shards/postgres/DatabaseFault.ts"
import * as Membership from "../shards/reads/Membership.ts"

/** Health is public: no address, and no name of a user. Those are in the log. */
const words = (error: unknown) => {
  const fault = faultOf(error)
  const message = fault === undefined ? "it does not answer" : fault.message.replace(/ \(.*\)$/, "")
  return new ProbeFailed({ message: fault?.code.startsWith("28") === true ? "it refuses our login" : message })
}

export const layer = Layer.effect(
  Probes,
  Effect.map(Effect.context<PgClient.PgClient>(), (context) => ({
    database: Effect.mapError(Effect.provideContext(Membership.ping, context), words),
    runners: Effect.mapError(Effect.provideContext(Membership.runners, context), words)
  }))
)
