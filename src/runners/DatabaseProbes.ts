/** Adapter: the probes of the database for the gateway's health. */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { ProbeFailed, Probes } from "../gateway/Probes.ts"
import { faultOf } from "../shards/postgres/DatabaseFault.ts"
import * as Membership from "../shards/reads/Membership.ts"

/** Removes addresses and user names, because health is public. The log contains them. */
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
