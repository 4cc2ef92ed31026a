/**
 * What is wrong between this process and PostgreSQL, in the server's own words where there are any, and what to do
 * about it. Drivers wrap errors in errors; the innermost error that carries a code decides.
 */
import { Schema } from "effect"
import { causeChain } from "../../schema/text/CauseChain.ts"

export class DatabaseFault extends Schema.TaggedError<DatabaseFault>()("DatabaseFault", {
  /** Machine-readable: the SQLSTATE, the system's code, or a code of Clawster's own. */
  code: Schema.String,
  message: Schema.String,
  advice: Schema.String
}) {}

interface Link {
  readonly code?: unknown
  readonly message?: unknown
  readonly severity?: unknown
  readonly detail?: unknown
  readonly hint?: unknown
}

const textOf = (value: unknown): string => (typeof value === "string" ? value.trim() : "")

const url = "DATABASE_URL"
const grant =
  "give its role the right: GRANT USAGE, CREATE ON SCHEMA public TO that role; migrate and run as the role that owns the tables"
const trust = "name the authority's certificate by sslrootcert=FILE"
const pooler = "connect directly to the server, not through a pooler: sessions keep prepared statements and settings"

/** Advice by SQLSTATE (PostgreSQL, appendix A). */
const byState: Readonly<Record<string, string>> = {
  "08P01": pooler,
  "22021": "the database's encoding cannot hold the text; Clawster needs a database of encoding UTF8",
  "22P05": "the database's encoding cannot hold the text; Clawster needs a database of encoding UTF8",
  "25006": `this server is a standby or read-only; name the primary in ${url}`,
  "28000": `check the user in ${url}, and that pg_hba.conf lets it in from this machine; if it says "no encryption", add sslmode=verify-full`,
  "28P01": `check user and password in ${url}; characters such as @ / : # % are percent-encoded`,
  "3D000": "create it: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0",
  "3F000": "create the schema of the role's search_path, or set another: ALTER ROLE name SET search_path = public",
  "42501": grant,
  "42P01": "run clawster migrate, with the same DATABASE_URL",
  "42703": "run clawster migrate, with the same DATABASE_URL",
  "53100": "free space on the server's disk; what was committed is kept",
  "53200": "give the server more memory, or fewer connections",
  "53300": "raise max_connections, or lower CLAWSTER_DATABASE_CONNECTIONS; each process uses so many and a few more",
  "55P03": "another session holds the lock; see pg_stat_activity",
  "57014": "the server is too slow for it, or it was cancelled; see its load and pg_stat_activity",
  "57P01": "the server is stopping or the session was ended by an administrator; try again when it is up",
  "57P02": "the server has crashed and recovers; try again when it is up",
  "57P03": "the server is starting or stopping; try again when it is up",
  "58030": "the server cannot read or write its files; see its log and its disk",
  XX001: "the server's files are damaged; restore a backup",
  XX002: "an index is damaged; REINDEX it"
}

/** Message and advice by the error code of Node.js and its TLS. `$` stands for the server. */
const byCode: Readonly<Record<string, readonly [message: string, advice: string]>> = {
  ECONNREFUSED: ["$ refuses connections", `is the server up, and are host and port in ${url} right?`],
  ENOTFOUND: ["the name of $ is not known", `check the host in ${url}, and DNS`],
  EAI_AGAIN: ["the name of $ cannot be looked up", "DNS does not answer; check the network"],
  ETIMEDOUT: ["$ does not answer", "check host, port and firewall"],
  EHOSTUNREACH: ["$ cannot be reached: no route", "check the network and firewall"],
  ENETUNREACH: ["$ cannot be reached: no network", "check the network"],
  ECONNRESET: ["$ cut the connection", "is what listens there PostgreSQL? See its log"],
  ENOENT: ["there is no socket of $", "is the server up, and is the folder of its socket right?"],
  SELF_SIGNED_CERT_IN_CHAIN: ["the certificate of $ is signed by an authority that is not trusted", trust],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["the certificate of $ is self-signed and not trusted", trust],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["the certificate of $ is signed by an authority that is not trusted", trust],
  UNABLE_TO_GET_ISSUER_CERT: ["the certificate of $ is signed by an authority that is not trusted", trust],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["the certificate of $ is signed by an authority that is not trusted", trust],
  CERT_HAS_EXPIRED: ["the certificate of $ has expired", "renew it, and check this machine's clock"],
  CERT_NOT_YET_VALID: ["the certificate of $ is not valid yet", "check this machine's clock"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "the certificate of $ is for another host",
    `use in ${url} the name that the certificate has; sslmode=verify-ca checks the authority and not the name`
  ]
}

/** Message and advice by the driver's text, for errors without a code. */
const byDriver: ReadonlyArray<readonly [pattern: RegExp, code: string, message: string, advice: string]> = [
  [
    /timed out/i,
    "ETIMEDOUT",
    "$ does not answer",
    `check host, port and firewall; connect_timeout in ${url} says how long is waited`
  ],
  [
    /does not support TLS/,
    "NO_TLS",
    "$ has no TLS",
    "turn ssl on in the server, or leave sslmode out on a private network"
  ],
  [/requested password/, "NO_PASSWORD", "$ asks for a password", `${url} has none`],
  [
    /SASL mechanisms|method .* is not supported/,
    "AUTH_METHOD",
    "$ asks for a kind of login that is not supported",
    "use scram-sha-256 in pg_hba.conf"
  ],
  [
    /closed (unexpectedly|during startup)/i,
    "ECONNRESET",
    "$ closed the connection",
    "is what listens there PostgreSQL? See its log"
  ]
]

const make = (code: string, message: string, advice: string) => new DatabaseFault({ code, message, advice })

const ofServer = (link: Link): DatabaseFault | undefined => {
  if (typeof link.code !== "string" || !/^[0-9A-Z]{5}$/.test(link.code) || typeof link.severity !== "string")
    return undefined
  const said = [textOf(link.message), textOf(link.detail)].filter((part) => part !== "").join(": ")
  const isSwallowed = link.code === "08P01" && !/startup parameter/.test(said)
  const advice = isSwallowed ? undefined : byState[link.code]
  return make(
    link.code,
    `PostgreSQL says: ${said} (${link.code})`,
    advice ?? (textOf(link.hint) || "see the server's log")
  )
}

const ofSystem = (link: Link, address: string): DatabaseFault | undefined => {
  const found = typeof link.code === "string" ? byCode[link.code] : undefined
  return (
    found &&
    make(
      String(link.code),
      `${found[0].replace("$", address)} (${textOf(link.message) || String(link.code)})`,
      found[1]
    )
  )
}

const ofDriver = (links: ReadonlyArray<Link>, address: string): DatabaseFault | undefined => {
  for (const link of links.toReversed()) {
    const found = byDriver.find(([pattern]) => pattern.test(textOf(link.message)))
    if (found !== undefined) return make(found[1], found[2].replace("$", address), found[3])
  }
  return undefined
}

const isOfDatabase = (links: ReadonlyArray<Link>): boolean =>
  links.some((link) => (link as { _tag?: unknown })._tag === "SqlError" || typeof link.severity === "string")

/** Undefined when the error is not one of the database. `address` names the server in messages. */
export const faultOf = (error: unknown, address = "PostgreSQL"): DatabaseFault | undefined => {
  const links = causeChain<Link>(error)
  const known = links.find((link) => link instanceof DatabaseFault)
  if (known !== undefined) return known as DatabaseFault
  if (!isOfDatabase(links)) return undefined
  const server = address === "PostgreSQL" ? address : `PostgreSQL at ${address}`
  for (const link of links.toReversed()) {
    const found = ofServer(link) ?? ofSystem(link, server)
    if (found !== undefined) return found
  }
  const innermost = links.map(({ message }) => textOf(message)).findLast((text) => text !== "")
  return (
    ofDriver(links, server) ?? make("UNKNOWN", `${server}: ${innermost ?? "unknown error"}`, "see the server's log")
  )
}
