/** The doctor's checks of the database, and of the runners registered in it. */
import { Effect, Option, Redacted } from "effect"
import { createConnection, type Socket } from "node:net"
import { callbackWith } from "../../resources/Callback.ts"
import * as Database from "../../shards/Database.ts"
import {
  type Diagnosis,
  diagnose,
  type KnownRunner,
  runners as knownRunners
} from "../../shards/health/DoctorQueries.ts"
import { parse } from "../../shards/postgres/DatabaseUrl.ts"
import * as Catalogue from "../settings/Catalogue.ts"
import { checked, fail, type Finding, ok, warn } from "./Finding.ts"
import { placements } from "./PlacementsCheck.ts"
import { secrets } from "./SecretKeysCheck.ts"

const isLocal = (host: string) =>
  host === "localhost" || host === "::1" || host.startsWith("127.") || host.startsWith("/")

const connections = (
  { mostConnections: most, usedConnections: used }: Diagnosis,
  runners: number,
  each: number
): Finding => {
  // Each runner uses three more connections: one for its leases and two for commits. In addition: one gateway process,
  // and five connections for migrate or other tools.
  const needed = Math.max(1, runners) * (each + 3) + each + 5
  const found = `${used} of ${most} connections are used; ${Math.max(1, runners)} runners and a gateway may use ${needed}`
  return most < needed
    ? warn("connections", found, "raise max_connections of the server, or lower CLAWSTER_DATABASE_CONNECTIONS")
    : ok("connections", found)
}

const clock = ({ clockAheadMillis: ahead }: Diagnosis): Finding => {
  const found = `this machine's clock and the database's differ by ${Math.abs(ahead)} ms`
  const advice = "let both follow a time server (chrony, systemd-timesyncd): deadlines and retention go by them"
  if (Math.abs(ahead) > 30_000) return fail("clock", found, advice)
  return Math.abs(ahead) > 1_000 ? warn("clock", found, advice) : ok("clock", found)
}

const four = (id: number) => String(id).padStart(4, "0")

const schema = ({ applied, mayCreate, newest, role, schema }: Diagnosis): ReadonlyArray<Finding> => {
  const found = applied === 0 ? "no tables of Clawster" : `migration ${four(applied)}`
  const version =
    applied < newest
      ? fail("schema", `${found}, this version needs ${four(newest)}`, "run clawster migrate")
      : applied > newest
        ? warn(
            "schema",
            `${found}, newer than this version (${four(newest)})`,
            "bring this machine's Clawster up to date"
          )
        : ok("schema", found)
  const right = mayCreate
    ? ok("privileges", `${role} may create tables in ${schema}`)
    : (applied < newest ? fail : warn)(
        "privileges",
        `${role} may create no tables in ${schema ?? "any schema of its search_path"}`,
        `GRANT USAGE, CREATE ON SCHEMA ${schema ?? "public"} TO ${role}; needed by clawster migrate`
      )
  return [version, right]
}

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(2)} GB`

/** Pure: converts a diagnosis to findings. */
export const findings = (
  found: Diagnosis,
  about: { readonly address: string; readonly host: string; readonly runners: number; readonly each: number }
) => [
  ok(
    "database",
    `PostgreSQL ${found.version} at ${about.address}, UTF8, no pooler in between; ${found.database} has ${gigabytes(found.bytes)}`
  ),
  ...schema(found),
  found.isEncrypted || isLocal(about.host)
    ? ok("encryption", found.isEncrypted ? "the connection is encrypted" : "plain text, on this machine")
    : warn(
        "encryption",
        "the connection to another machine is not encrypted",
        "add sslmode=verify-full to DATABASE_URL"
      ),
  found.fsync === "on"
    ? ok("durability", "fsync is on")
    : fail(
        "durability",
        `fsync is ${found.fsync}`,
        "turn it on: what was acknowledged is lost when the server's machine fails"
      ),
  clock(found),
  connections(found, about.runners, about.each)
]

const connects = (address: string) => {
  const at = address.lastIndexOf(":")
  return callbackWith<Socket, boolean>(
    (resume) => {
      const socket = createConnection({
        host: address.slice(0, at).replace(/^\[(.*)\]$/, "$1"),
        port: Number(address.slice(at + 1)),
        timeout: 2_000
      })
      socket.once("connect", () => resume(Effect.succeed(true)))
      socket.on("error", () => resume(Effect.succeed(false)))
      return socket.once("timeout", () => resume(Effect.succeed(false)))
    },
    (socket) => socket.destroy()
  )
}

const reached = (runners: ReadonlyArray<KnownRunner>) =>
  Effect.map(
    Effect.forEach(runners, (runner) => Effect.map(connects(runner.address), (isThere) => ({ ...runner, isThere })), {
      concurrency: 20
    }),
    (found): ReadonlyArray<Finding> => {
      if (found.length === 0) return [warn("runners", "none is registered", "start clawster runner on each machine")]
      return found.map(({ address, isHealthy, isThere }) => {
        if (isHealthy && isThere) return ok("runners", `${address} is healthy and reached from here`)
        return isHealthy
          ? fail(
              "runners",
              `${address} is healthy and cannot be reached from here`,
              "check its CLAWSTER_RUNNER_HOST and the firewall: each process must reach each runner"
            )
          : warn(
              "runners",
              `${address} is gone${isThere ? ", though something listens there" : ""}`,
              "start it again; it is forgotten by and by"
            )
      })
    }
  )

const withDatabase = (url: Redacted.Redacted, each: number) =>
  Effect.gen(function* () {
    const target = yield* Effect.fromResult(parse(Redacted.value(url), process.env["USER"]))
    return yield* Effect.gen(function* () {
      const found = yield* diagnose
      const runners = found.applied === 0 ? [] : yield* knownRunners
      const healthy = runners.filter(({ isHealthy }) => isHealthy).length
      const about = { address: target.address, host: target.host, runners: healthy, each }
      const isMigrated = found.applied >= found.newest
      const ofSecrets = isMigrated ? yield* checked("secrets", secrets) : []
      const ofPlacements = isMigrated ? yield* checked("placements", placements) : []
      return [...findings(found, about), ...ofSecrets, ...(yield* reached(runners)), ...ofPlacements]
    }).pipe(
      Effect.provide(Database.layer({ url, maxConnections: 2, applicationName: "clawster doctor" })),
      Effect.scoped
    )
  })

export const store: Effect.Effect<ReadonlyArray<Finding>, unknown> = Effect.gen(function* () {
  const url = yield* Effect.option(Catalogue.databaseUrl.config)
  const each = yield* Catalogue.databaseConnections.config
  if (Option.isSome(url)) return yield* withDatabase(url.value, each)
  return [
    warn(
      "database",
      "DATABASE_URL is not set",
      "set it for runner, gateway and migrate; up starts a database of its own"
    )
  ]
})
