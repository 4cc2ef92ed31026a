/**
 * All settings, in the order of the README's table. The processes in `src/runners` read theirs through `config`. Those
 * that are read where they are used (ReadElsewhere.ts) are listed here under the same names, so that `config show`, the
 * check at start and the README include them. A test compares this list with the sources and the README.
 */
import { Config, Redacted, Result, Schema } from "effect"
import { resolve } from "node:path"
import { ModelProvider } from "../../openclaw/GatewayConfig.ts"
import { TenantId } from "../../schema/Ids.ts"
import * as SecretKeys from "../../shards/secrets/SecretKeys.ts"
import { elsewhere } from "./ReadElsewhere.ts"
import { cluster, everywhere, runners } from "./Readers.ts"
import {
  choice,
  identifier,
  identifierType,
  json,
  make,
  optional,
  port,
  type ProcessKind,
  type Setting,
  text,
  whole
} from "./Setting.ts"

const runner: ReadonlyArray<ProcessKind> = ["runner"]

const day = 86_400_000
const millis = (name: string, fallback: number, range: readonly [number, number], about: Parameters<typeof whole>[3]) =>
  whole(name, fallback, range, about)

export const databaseUrl = make("DATABASE_URL", "a URL of PostgreSQL", undefined, Config.Redacted("DATABASE_URL"), {
  meaning:
    "PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`. `up` and `demo` start their own unless `--database-url` is given",
  readBy: ["runner", "gateway", "migrate"],
  isSecret: true
})

export const databaseConnections = whole("CLAWSTER_DATABASE_CONNECTIONS", 10, [2, 1_000], {
  meaning: "Connections of one process, at most",
  readBy: everywhere
})

export const secretKeys = optional(
  "CLAWSTER_SECRET_KEYS",
  SecretKeys.expected,
  Config.schema(
    Schema.String.check(Schema.makeFilter<string>((text) => Result.isSuccess(SecretKeys.parse(text)))),
    "CLAWSTER_SECRET_KEYS"
  ).pipe(Config.map((text) => Redacted.make(text))),
  {
    meaning:
      "Keys that encrypt secrets (tokens of remote instances), `id:base64,…` of 32 bytes: the first encrypts, all decrypt; the same on every runner. `up` makes its own. [How to rotate them](docs/operations.md#secrets)",
    readBy: runners,
    isSecret: true
  }
)

export const secretKeysFile = optional(
  "CLAWSTER_SECRET_KEYS_FILE",
  "a file",
  Config.NonEmptyString("CLAWSTER_SECRET_KEYS_FILE"),
  { meaning: "A file with them instead, a key a line", readBy: runners }
)

export const home = make(
  "CLAWSTER_HOME",
  "a folder",
  ".clawster",
  Config.NonEmptyString("CLAWSTER_HOME").pipe(
    Config.withDefault(".clawster"),
    Config.map((path) => resolve(path))
  ),
  {
    meaning: "Gateways' files, device key, the placement's name, managed OpenClaw; all of `up`",
    readBy: ["up", "runner", "cli"]
  }
)

export const openclawDirectory = optional(
  "CLAWSTER_OPENCLAW_DIRECTORY",
  "a folder",
  Config.NonEmptyString("CLAWSTER_OPENCLAW_DIRECTORY").pipe(Config.map((path) => resolve(path))),
  { meaning: "Where OpenClaw is installed; `openclaw` in the home when absent", readBy: ["up", "runner", "cli"] }
)

export const runnerHost = text("CLAWSTER_RUNNER_HOST", "127.0.0.1", {
  meaning:
    "Where others reach a runner: an address or name of this machine that every other process of the cluster knows",
  readBy: runner
})

export const runnerPort = port("CLAWSTER_RUNNER_PORT", 34_431, {
  meaning:
    "Its port. It lies in the range that Linux gives to clients (`net.ipv4.ip_local_port_range`): reserve it (`net.ipv4.ip_local_reserved_ports`) or choose another below 32768",
  readBy: runner
})

export const runnerListenHost = optional(
  "CLAWSTER_RUNNER_LISTEN_HOST",
  "an address",
  Config.NonEmptyString("CLAWSTER_RUNNER_LISTEN_HOST"),
  {
    meaning: "Where it listens when that is not where it is reached: `0.0.0.0`, or behind a port forward",
    readBy: runner
  }
)

export const runnerListenPort = optional(
  "CLAWSTER_RUNNER_LISTEN_PORT",
  "a port",
  Config.Port("CLAWSTER_RUNNER_LISTEN_PORT"),
  {
    meaning: "The port there; the same as `CLAWSTER_RUNNER_PORT` when absent",
    readBy: runner
  }
)

export const hostName = optional(
  "CLAWSTER_HOST_NAME",
  identifierType,
  Config.schema(identifier, "CLAWSTER_HOST_NAME"),
  {
    meaning:
      "This machine's placement: gateways started here live on its runners. When absent, the name that the home has from its first start, which was the machine's",
    readBy: runners
  }
)

export const region = optional("CLAWSTER_REGION", identifierType, Config.schema(identifier, "CLAWSTER_REGION"), {
  meaning: "The region this runner serves",
  readBy: runner
})

export const leaseMillis = millis("CLAWSTER_LEASE_MILLIS", 6_000, [1_000, 120_000], {
  meaning:
    "A runner silent for so long has lost its actors. Shorter: quicker failover of a frozen one, more renewals, less patience with pauses",
  readBy: runners
})

export const residentActors = whole("CLAWSTER_RESIDENT_ACTORS", 100_000, [100, 10_000_000], {
  meaning: "Actors that a runner keeps in memory; about 20 KB each",
  readBy: runners
})

const driverKinds = ["process", "remote", "simulated"] as const

export const passivateAfterMillis = millis("CLAWSTER_PASSIVATE_AFTER_MILLIS", 120_000, [5_000, day], {
  meaning: "An actor that has had nothing to do for so long leaves memory, and is loaded again for the next call",
  readBy: runners
})

export const drivers = make(
  "CLAWSTER_DRIVERS",
  `some of ${driverKinds.join(", ")}, separated by commas`,
  "process,remote",
  Config.Array(Schema.Literals(driverKinds), "CLAWSTER_DRIVERS").pipe(
    Config.withDefault<ReadonlyArray<(typeof driverKinds)[number]>>(["process", "remote"])
  ),
  { meaning: "Which gateways this runner can run: `process`, `remote`, `simulated`", readBy: runners }
)

export const openclawVersion = optional(
  "CLAWSTER_OPENCLAW_VERSION",
  "an exact version such as 2026.9.6",
  Config.schema(
    Schema.String.check(Schema.isPattern(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/)),
    "CLAWSTER_OPENCLAW_VERSION"
  ),
  {
    meaning:
      "Install and use this OpenClaw, unless `CLAWSTER_GATEWAY_COMMAND` is given; without either `openclawd`, `openclaws` or `openclaw` on the PATH",
    readBy: runner
  }
)

/** A JSON array, for paths with blanks; otherwise words separated by blanks. */
const commandOf = (given: string): ReadonlyArray<string> =>
  given.trim().startsWith("[") ? (JSON.parse(given) as ReadonlyArray<string>) : given.trim().split(/\s+/)

const isCommand = (given: string): boolean => {
  try {
    const words = commandOf(given)
    return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string" && word !== "")
  } catch {
    return false
  }
}

export const gatewayCommand = optional(
  "CLAWSTER_GATEWAY_COMMAND",
  "a program and its arguments, as words or as a JSON array of them",
  Config.schema(Schema.String.check(Schema.makeFilter<string>(isCommand)), "CLAWSTER_GATEWAY_COMMAND").pipe(
    Config.map(commandOf)
  ),
  { meaning: "Program and arguments that start a gateway, by words or as a JSON array", readBy: runner }
)

export const gatewayPort = make(
  "CLAWSTER_GATEWAY_PORT",
  "a port, 1024 to 64000",
  "19100",
  Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1_024, maximum: 64_000 })),
    "CLAWSTER_GATEWAY_PORT"
  ).pipe(Config.withDefault(19_100)),
  { meaning: "First port of gateways; 20 apart", readBy: runners }
)

export const gatewayConfig = json(
  "CLAWSTER_GATEWAY_CONFIG",
  "a JSON object",
  Schema.Record(Schema.String, Schema.Json),
  {
    meaning: "JSON merged over the lean gateway configuration; an instance's own `gatewayConfig` is merged over this",
    readBy: runner,
    isSecret: true
  }
)

export const model = json("CLAWSTER_MODEL", "JSON {name, baseUrl, apiKey, model}", ModelProvider, {
  meaning: "JSON `{name, baseUrl, apiKey, model}`: the model of gateways that configure none",
  readBy: runner,
  isSecret: true
})

export const startTimeoutMillis = millis("CLAWSTER_GATEWAY_START_MILLIS", 120_000, [5_000, 540_000], {
  meaning: "How long a gateway may take from its launch until it answers",
  readBy: runners
})

export const variantMillis = millis("CLAWSTER_GATEWAY_VARIANT_MILLIS", 30_000, [1_000, 540_000], {
  meaning: "How long one of the programs on the PATH has to start before the next is tried",
  readBy: runners
})

export const startsAtOnce = whole("CLAWSTER_GATEWAY_STARTS", 2, [1, 64], {
  meaning: "Gateways that start at once on a runner; a start takes six to eight seconds of a processor",
  readBy: runners
})

export const onShutdown = choice("CLAWSTER_GATEWAYS_ON_SHUTDOWN", ["leave", "stop"], "leave", {
  meaning: "`leave` gateways for the next runner of this host, or `stop` them",
  readBy: runners
})

export const orphanMillis = millis("CLAWSTER_ORPHAN_AFTER_MILLIS", 12_000, [2_000, day], {
  meaning: "A gateway without a runner for so long ends itself; 20000 for those of `up`",
  readBy: runners
})

export const httpHost = text("CLAWSTER_HTTP_HOST", "127.0.0.1", {
  meaning: "Where a gateway process serves; `0.0.0.0` for every address of the machine",
  readBy: ["up", "gateway"]
})

export const httpPort = port("CLAWSTER_HTTP_PORT", 7_373, { meaning: "Its port", readBy: ["up", "gateway"] })

export const socketsMost = whole("CLAWSTER_SOCKETS", 10_000, [1, 1_000_000], {
  meaning: "Sockets on `/events` that one gateway process holds, and as many on `/rpc`; more are refused with 429",
  readBy: ["up", "gateway"]
})

export const defaultTenant = optional(
  "CLAWSTER_DEFAULT_TENANT",
  "the id of a tenant",
  Config.schema(TenantId, "CLAWSTER_DEFAULT_TENANT"),
  {
    meaning:
      "Whose things keys of operators and administrators change when they name no tenant. Without it such changes are refused; `up` has `default`",
    readBy: ["gateway"]
  }
)

export const tenantDefaults = optional(
  "CLAWSTER_TENANT_DEFAULTS",
  "JSON {weight, caps}, or a file with it",
  Config.NonEmptyString("CLAWSTER_TENANT_DEFAULTS"),
  {
    meaning:
      "JSON `{weight, caps: {running, pending, lanes, sessions, ratePerSecond}}`, or a file with it in JSON or YAML: what holds for a tenant as far as nothing else was set for it; the same on every process. Without it a tenant has no caps",
    readBy: ["up", ...cluster]
  }
)

export const deploymentCaps = optional(
  "CLAWSTER_DEPLOYMENT_CAPS",
  "JSON {running, sessions}, or a file with it",
  Config.NonEmptyString("CLAWSTER_DEPLOYMENT_CAPS"),
  {
    meaning:
      "JSON `{running, sessions}`, or a file with it in JSON or YAML: how many tasks and turns run at once over all instances, and how many sessions are open over all tenants; the same on every process. Without it there is no such cap",
    readBy: ["up", ...cluster]
  }
)

export const instancesFile = optional(
  "CLAWSTER_INSTANCES",
  "a file, JSON or YAML",
  Config.NonEmptyString("CLAWSTER_INSTANCES"),
  {
    meaning:
      "A file that declares instances: a list of registrations, or `{instances, prune}`. At each start they are registered, or changed in place; what is no longer declared is told, and removed where it says `prune: true`",
    readBy: ["up", "runner", "gateway"]
  }
)

export const metricsHost = optional(
  "CLAWSTER_METRICS_HOST",
  "an address",
  Config.NonEmptyString("CLAWSTER_METRICS_HOST"),
  {
    meaning:
      "Where `/metrics` is served with everything and without a key; the runner's host, or 127.0.0.1 for a gateway, when absent",
    readBy: cluster
  }
)

export const metricsPort = optional("CLAWSTER_METRICS_PORT", "a port", Config.Port("CLAWSTER_METRICS_PORT"), {
  meaning:
    "Its port; none when absent. The gateway's own `/metrics` shows without a key nothing of tenants or their instances",
  readBy: cluster
})

export const all: ReadonlyArray<Setting<unknown>> = [
  databaseUrl,
  databaseConnections,
  secretKeys,
  secretKeysFile,
  home,
  openclawDirectory,
  runnerHost,
  runnerPort,
  runnerListenHost,
  runnerListenPort,
  hostName,
  region,
  leaseMillis,
  residentActors,
  passivateAfterMillis,
  drivers,
  openclawVersion,
  gatewayCommand,
  gatewayPort,
  gatewayConfig,
  model,
  startTimeoutMillis,
  variantMillis,
  startsAtOnce,
  onShutdown,
  orphanMillis,
  httpHost,
  httpPort,
  socketsMost,
  defaultTenant,
  tenantDefaults,
  deploymentCaps,
  instancesFile,
  metricsHost,
  metricsPort,
  ...elsewhere
]
