/**
 * Now and then something breaks, in turn. The first runner is never killed, so that one process lives through the whole
 * run.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { InstanceFiles } from "../src/instances/process/files/InstanceFiles.ts"
import type { Follower } from "./Followers.ts"
import type { Ledger } from "./Ledger.ts"
import type { World } from "./World.ts"

export interface Field {
  readonly world: World
  readonly ledger: Ledger
  readonly followers: ReadonlyArray<Follower>
  readonly realGateways: number
}

/** The process of an instance's gateway, whatever registration it is of. Undefined: none is known now. */
export const gatewayPid = ({ places }: World, instanceId: string): number | undefined => {
  const instances = join(places.gateways, "instances")
  const name = readdirSync(instances).find((found) => found.split("@")[0] === instanceId)
  return name === undefined ? undefined : new InstanceFiles(join(instances, name)).pidFile?.gateway.pid
}

const killGateway = ({ realGateways, world }: Field) =>
  Effect.try(() => {
    if (realGateways === 0) return
    const pid = gatewayPid(world, `real-${realGateways - 1}`)
    if (pid === undefined) throw new Error("no process of the gateway is known")
    process.kill(pid, "SIGKILL")
  })

const terminateConnections = ({ world }: Field) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
    )
  ).pipe(Effect.provide(world.context))

const faults: ReadonlyArray<readonly [string, (field: Field) => Effect.Effect<unknown, unknown>]> = [
  ["a runner was killed, and started again", ({ world }) => world.runners[1]!.kill(1_000)],
  ["every connection of PostgreSQL was terminated", terminateConnections],
  ["an OpenClaw gateway was killed", killGateway],
  ["every follower was cut off", ({ followers }) => Effect.sync(() => followers.forEach(({ cut }) => cut()))],
  ["a runner was killed, and started again", ({ world }) => world.runners[2]!.kill(1_000)]
]

/** Goes on until it is interrupted. */
export const run = Effect.fnUntraced(function* (field: Field, everySeconds: number) {
  for (let n = 0; ; n++) {
    yield* Effect.sleep(everySeconds * 1_000)
    const [what, strike] = faults[n % faults.length]!
    yield* strike(field).pipe(
      Effect.andThen(Effect.sync(() => field.ledger.count(what))),
      Effect.catchCause((cause) =>
        Effect.sync(() => field.ledger.fault(`a fault could not be made (${what}): ${String(cause).slice(0, 300)}`))
      )
    )
  }
})
