/**
 * Parses all of `DATABASE_URL`: each part is used, or refused with a sentence that names it. Nothing in the URL is
 * ignored silently, least of all encryption.
 *
 * TLS: `require`, `verify-ca` and `verify-full` encrypt and check that a trusted authority signed the server's
 * certificate; all but `verify-ca` also check that it is for this host. That is stricter than libpq, whose `require`
 * checks nothing; `no-verify` gives that behaviour. `allow` and `prefer` encrypt where the server offers it. Without
 * `sslmode` nothing is encrypted.
 */
import { Result, Schema } from "effect"
import { isIP } from "node:net"
import type { ConnectionOptions, SecureVersion } from "node:tls"
import { nearest } from "../../schema/text/NearestName.ts"

export class BadDatabaseUrl extends Schema.TaggedError<BadDatabaseUrl>()("BadDatabaseUrl", {
  message: Schema.String,
  advice: Schema.String
}) {}

export interface DatabaseTarget {
  /** The driver's URL, without the parameters that Clawster handles itself. Contains the password. */
  readonly url: string
  /** `host:port`, or the path of a Unix socket's directory; for messages. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly connectTimeoutSeconds: number
  readonly keepAliveSeconds: number | undefined
  readonly applicationName: string | undefined
  readonly sslMode: string
  /** Paths of files to read into `tls`, keyed by the name of the TLS option. */
  readonly tlsFiles: Readonly<Partial<Record<"ca" | "cert" | "key", string>>>
  /** Undefined when the driver decides by `sslmode`. */
  readonly tls: boolean | ConnectionOptions | undefined
}

type Refusal = readonly [sentence: string, advice: string]
type Taken = Refusal | undefined

interface Draft {
  sslMode: string | undefined
  connectTimeoutSeconds: number
  keepAliveSeconds: number | undefined
  applicationName: string | undefined
  passphrase: string | undefined
  minVersion: SecureVersion | undefined
  hasSystemRoots: boolean
  readonly tlsFiles: { ca?: string; cert?: string; key?: string }
  readonly forDriver: URLSearchParams
}

const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify"]
const longestSeconds = 300

const oneOf =
  (values: ReadonlyArray<string>) =>
  (name: string, value: string): Taken =>
    values.includes(value) ? undefined : [`${name}=${value}`, `${name} is ${values.join(", ")}`]

const seconds = (name: string, value: string): number | Refusal => {
  const number = Number(value)
  return Number.isInteger(number) && number >= 1 && number <= longestSeconds
    ? number
    : [`${name}=${value}`, `${name} is a whole number of seconds from 1 to ${longestSeconds}`]
}

const isRefusal = (value: unknown): value is Refusal => Array.isArray(value)

const direct = "connect directly to the server, not through a pooler: sessions keep prepared statements and settings"

/** What each URL parameter does. Parameters of the driver are passed on to it. */
const parameters: Readonly<Record<string, (draft: Draft, value: string, name: string) => Taken>> = {
  ...Object.fromEntries(
    ["host", "port", "user", "password", "dbname", "options"].map((name) => [
      name,
      (draft: Draft, value: string) => void draft.forDriver.set(name, value)
    ])
  ),
  sslmode: (draft, value, name) => {
    draft.sslMode = value
    return oneOf(modes)(name, value)
  },
  sslrootcert: (draft, value) => {
    if (value === "system") draft.hasSystemRoots = true
    else draft.tlsFiles.ca = value
    return undefined
  },
  sslcert: (draft, value) => void (draft.tlsFiles.cert = value),
  sslkey: (draft, value) => void (draft.tlsFiles.key = value),
  sslpassword: (draft, value) => void (draft.passphrase = value),
  ssl_min_protocol_version: (draft, value, name) => {
    draft.minVersion = value as SecureVersion
    return oneOf(["TLSv1.2", "TLSv1.3"])(name, value)
  },
  sslnegotiation: (_draft, value, name) => oneOf(["postgres"])(name, value),
  sslsni: (_draft, value, name) => oneOf(["1"])(name, value),
  gssencmode: (_draft, value, name) => oneOf(["disable", "prefer"])(name, value),
  channel_binding: (_draft, value, name) =>
    oneOf(["disable", "prefer"])(name, value) && [
      `${name}=${value}`,
      "the driver has no channel binding; leave it out, and use sslmode=verify-full, which proves the server's identity too"
    ],
  target_session_attrs: (_draft, value, name) =>
    oneOf(["any", "read-write", "primary"])(name, value) && [
      `${name}=${value}`,
      "Clawster writes: name the primary, and leave it out or say read-write"
    ],
  client_encoding: (_draft, value, name) => oneOf(["UTF8", "utf8", "UTF-8", "utf-8", "auto"])(name, value),
  connect_timeout: (draft, value, name) => {
    const found = seconds(name, value)
    if (isRefusal(found)) return found
    draft.connectTimeoutSeconds = found
    return undefined
  },
  keepalives: (_draft, value, name) => oneOf(["1"])(name, value),
  keepalives_idle: (draft, value, name) => {
    const found = seconds(name, value)
    if (isRefusal(found)) return found
    draft.keepAliveSeconds = found
    return undefined
  },
  application_name: (draft, value) => void (draft.applicationName = value),
  fallback_application_name: (draft, value) => void (draft.applicationName ??= value),
  pgbouncer: (_draft, value, name) => oneOf(["false"])(name, value) && [`${name}=${value}`, direct],
  load_balance_hosts: (_draft, value, name) => oneOf(["disable"])(name, value)
}

const unknown = (name: string): Refusal => {
  const meant = nearest(name, Object.keys(parameters))
  return [
    `the parameter ${name}`,
    meant === undefined
      ? `remove it; known are ${Object.keys(parameters).join(", ")}. Settings of the session go into options=-c name=value`
      : `did you mean ${meant}?`
  ]
}

const refused = ([sentence, advice]: Refusal) =>
  Result.fail(new BadDatabaseUrl({ message: `DATABASE_URL: ${sentence} cannot be used`, advice }))

const broken = (what: string) =>
  Result.fail(
    new BadDatabaseUrl({
      message: `DATABASE_URL ${what}`,
      advice:
        "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full; characters such as @ / : # % in the password are percent-encoded"
    })
  )

const severalHosts: Refusal = [
  "more than one host",
  "name one address that follows the primary: a DNS name, a virtual address, or a TCP proxy that asks who is the primary"
]

const tlsOf = (draft: Draft, host: string): DatabaseTarget["tls"] => {
  switch (draft.sslMode) {
    case "require":
    case "verify-full":
    case "verify-ca":
    case "no-verify":
      return {
        ...(draft.sslMode === "no-verify" ? { rejectUnauthorized: false } : {}),
        ...(draft.sslMode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
        ...(draft.passphrase === undefined ? {} : { passphrase: draft.passphrase }),
        ...(draft.minVersion === undefined ? {} : { minVersion: draft.minVersion }),
        ...(isIP(host) === 0 && !host.startsWith("/") ? { servername: host } : {})
      }
    case "allow":
    case "prefer":
      return undefined
    default:
      return false
  }
}

/** Refuses files or other TLS parameters that the mode would leave unused. */
const unused = (draft: Draft): Refusal | undefined => {
  const wished = [
    ...Object.keys(draft.tlsFiles).map((name) => ({ ca: "sslrootcert", cert: "sslcert", key: "sslkey" })[name]!),
    ...(draft.hasSystemRoots ? ["sslrootcert"] : []),
    ...(draft.minVersion === undefined ? [] : ["ssl_min_protocol_version"])
  ]
  const isCertain = draft.sslMode !== undefined && !["disable", "allow", "prefer"].includes(draft.sslMode)
  return wished.length > 0 && !isCertain
    ? [`${wished[0]} without a sslmode that encrypts`, "add sslmode=verify-full, or remove it"]
    : undefined
}

const parsed = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const authorityOf = (text: string): string => (/^[a-z]+:\/\/([^/?]*)/i.exec(text)?.[1] ?? "").replace(/^.*@/s, "")

/** `user`: the user to connect as when the URL names none. */
export const parse = (text: string, user?: string): Result.Result<DatabaseTarget, BadDatabaseUrl> => {
  if (!/^postgres(ql)?:\/\//.test(text))
    return broken("is not one of PostgreSQL: it begins with neither postgres:// nor postgresql://")
  if (authorityOf(text).includes(",")) return refused(severalHosts)
  const url = parsed(text)
  if (url === undefined) return broken("cannot be read")
  const draft: Draft = {
    sslMode: undefined,
    connectTimeoutSeconds: 5,
    keepAliveSeconds: undefined,
    applicationName: undefined,
    passphrase: undefined,
    minVersion: undefined,
    hasSystemRoots: false,
    tlsFiles: {},
    forDriver: new URLSearchParams()
  }
  for (const [name, value] of url.searchParams) {
    const take = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    const refusal = take === undefined ? unknown(name) : take(draft, value, name)
    if (refusal !== undefined) return refused(refusal)
  }
  const left = unused(draft)
  if (left !== undefined) return refused(left)
  return targetOf(url, draft, user)
}

const targetOf = (url: URL, draft: Draft, user: string | undefined): Result.Result<DatabaseTarget, BadDatabaseUrl> => {
  const given = draft.forDriver
  const hostname = decoded(url.hostname)
  const database = decoded(url.pathname.slice(1))
  const name = decoded(url.username)
  if (hostname === undefined || database === undefined || name === undefined || decoded(url.password) === undefined) {
    return broken("has a % that does not begin a percent-encoded character")
  }
  const host = (given.get("host") ?? hostname.replace(/^\[(.*)\]$/, "$1")) || "localhost"
  if (host.includes(",")) return refused(severalHosts)
  const port = Number(given.get("port") ?? (url.port || 5432))
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return refused([`port=${given.get("port")}`, "a port is 1 to 65535"])
  const account = given.get("user") ?? (name || user)
  if (account === undefined || account === "") return broken("names no user")
  const forDriver = new URL(url)
  forDriver.search = given.toString()
  if (draft.sslMode === "allow" || draft.sslMode === "prefer") forDriver.searchParams.set("sslmode", draft.sslMode)
  if (name === "" && given.get("user") === null) forDriver.searchParams.set("user", account)
  return Result.succeed({
    url: forDriver.toString(),
    address: host.startsWith("/") ? host : `${host.includes(":") ? `[${host}]` : host}:${port}`,
    host,
    port,
    user: account,
    database: (given.get("dbname") ?? database) || account,
    connectTimeoutSeconds: draft.connectTimeoutSeconds,
    keepAliveSeconds: draft.keepAliveSeconds,
    applicationName: draft.applicationName,
    sslMode: draft.sslMode ?? "disable",
    tlsFiles: draft.tlsFiles,
    tls: tlsOf(draft, host)
  })
}
