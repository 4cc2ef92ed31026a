/** Every start command says why it cannot start, in the words of whoever knows it, and what to do. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { type Explained, explainCause, told } from "../../src/runners/launch/ExplainFailure.ts"
import * as Database from "../../src/shards/Database.ts"
import * as EmbeddedPostgres from "../../src/shards/postgres/EmbeddedPostgres.ts"
import { migrate } from "../../src/shards/Migrations.ts"
import * as ServerAccount from "../../src/shards/postgres/ServerAccount.ts"
import { PgClient } from "@effect/sql-pg"
import * as KeyRegistry from "../../src/shards/secrets/KeyRegistry.ts"
import * as Home from "../fixtures/processes/Home.ts"
import { secretKey } from "../fixtures/SecretKeys.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0

/** A certificate for `db.example`, signed by an authority of the test. */
const certificates = (directory: string) => {
  const run = (...args: ReadonlyArray<string>) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: directory, encoding: "utf8" })
    if (status !== 0) throw new Error(stderr)
  }
  writeFileSync(join(directory, "san"), "subjectAltName=DNS:db.example\n")
  run(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=authority"
  )
  run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=db.example")
  run(
    "x509",
    "-req",
    "-in",
    "server.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    "san",
    "-out",
    "server.pem"
  )
  const as = ServerAccount.account()
  if (as !== undefined)
    for (const file of ["server.key", "server.pem"]) chownSync(join(directory, file), as.uid, as.gid)
}

/** One server for the file, with databases and roles for each case. */
class World extends Context.Service<
  World,
  {
    readonly url: URL
    readonly ca: string
    /** Accepts and says nothing. */
    readonly silentPort: number
    readonly takenPort: number
    readonly freePort: number
  }
>()("test/StartFailures/World") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const home = yield* Home.make
      if (hasOpenssl) certificates(home)
      const server = yield* EmbeddedPostgres.start({
        directory: join(home, "postgres"),
        settings: {
          fsync: "off",
          ...(hasOpenssl
            ? { ssl: "on", ssl_cert_file: join(home, "server.pem"), ssl_key_file: join(home, "server.key") }
            : {})
        }
      })
      const url = new URL(Redacted.value(server.url))
      yield* Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        for (const statement of [
          `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
          `CREATE DATABASE fixed`,
          `ALTER DATABASE fixed SET default_transaction_read_only = on`,
          `CREATE DATABASE empty`,
          `CREATE ROLE reader LOGIN PASSWORD 'secret'`,
          `CREATE ROLE crowded LOGIN PASSWORD 'secret' CONNECTION LIMIT 0`
        ])
          yield* sql.unsafe(statement)
      }).pipe(Effect.provide(Database.layer({ url: server.url })))
      const listening = Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const listener = createServer((socket) => socket.on("error", () => undefined))
          listener.listen(0, "127.0.0.1", () => resume(Effect.succeed(listener)))
        }),
        (listener) => Effect.sync(() => listener.close())
      )
      const portOf = (listener: Server) => (listener.address() as { port: number }).port
      return {
        url,
        ca: join(home, "ca.pem"),
        silentPort: portOf(yield* listening),
        takenPort: portOf(yield* listening),
        freePort: yield* TcpPorts.freePort
      }
    })
  )
}

const edited = (url: URL, edit: (copy: URL) => void): string => {
  const copy = new URL(url)
  edit(copy)
  return copy.toString()
}

/** As `migrate` does it, without a process of its own. */
const failure = (url: string) =>
  migrate.pipe(
    Effect.provide(Database.layer({ url: Redacted.make(url) })),
    Effect.scoped,
    Effect.exit,
    Effect.map((exit): Explained => {
      assert.isTrue(Exit.isFailure(exit), `${url} was good enough`)
      return Exit.isFailure(exit) ? explainCause(exit.cause) : { message: "" }
    })
  )

interface Case {
  readonly name: string
  readonly url: (world: World["Service"]) => string
  readonly says: RegExp
  readonly advises: RegExp
  readonly skip?: boolean
}

const cases: ReadonlyArray<Case> = [
  {
    name: "nobody listens there",
    url: ({ freePort, url }) => edited(url, (at) => (at.port = String(freePort))),
    says: /^PostgreSQL at 127\.0\.0\.1:\d+ refuses connections/,
    advises: /is the server up/
  },
  {
    name: "the name is not known",
    url: ({ url }) => edited(url, (at) => (at.hostname = "nothing.invalid")),
    says: /nothing\.invalid:\d+ (is not known|cannot be looked up)/,
    advises: /DNS/
  },
  {
    name: "the server is silent",
    url: ({ silentPort, url }) =>
      edited(url, (at) => {
        at.port = String(silentPort)
        at.search = "connect_timeout=1"
      }),
    says: /does not answer/,
    advises: /firewall/
  },
  {
    name: "the password is wrong",
    url: ({ url }) => edited(url, (at) => (at.password = "wrong")),
    says: /password authentication failed for user "clawster" \(28P01\)/,
    advises: /user and password/
  },
  {
    name: "the database is not there",
    url: ({ url }) => edited(url, (at) => (at.pathname = "/nowhere")),
    says: /database "nowhere" does not exist/,
    advises: /CREATE DATABASE/
  },
  {
    name: "the role may create nothing",
    url: ({ url }) =>
      edited(url, (at) => {
        at.username = "reader"
        at.password = "secret"
        at.pathname = "/empty"
      }),
    says: /permission denied for schema public/,
    advises: /GRANT USAGE, CREATE ON SCHEMA/
  },
  {
    name: "there are too many connections",
    url: ({ url }) =>
      edited(url, (at) => {
        at.username = "crowded"
        at.password = "secret"
      }),
    says: /too many connections for role/,
    advises: /max_connections/
  },
  {
    name: "the database has another encoding",
    url: ({ url }) => edited(url, (at) => (at.pathname = "/latin")),
    says: /encoding LATIN1/,
    advises: /ENCODING 'UTF8'/
  },
  {
    name: "the database is read-only",
    url: ({ url }) => edited(url, (at) => (at.pathname = "/fixed")),
    says: /read-only/,
    advises: /name the primary/
  },
  {
    name: "the certificate's authority is not trusted",
    url: ({ url }) => edited(url, (at) => (at.search = "sslmode=require")),
    says: /certificate of PostgreSQL at .* (self-signed|not trusted)/,
    advises: /sslrootcert=/,
    skip: !hasOpenssl
  },
  {
    name: "the certificate is for another host",
    url: ({ ca, url }) =>
      edited(url, (at) => (at.search = `sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`)),
    says: /certificate of .* is for another host/,
    advises: /verify-ca/,
    skip: !hasOpenssl
  },
  {
    name: "the authority's certificate cannot be read",
    url: ({ url }) => edited(url, (at) => (at.search = "sslmode=verify-full&sslrootcert=/nowhere.pem")),
    says: /sslrootcert: \/nowhere\.pem cannot be read \(ENOENT\)/,
    advises: /can read/
  },
  {
    name: "TLS is asked for in a way that would not be used",
    url: ({ url }) => edited(url, (at) => (at.search = "sslrootcert=/ca.pem")),
    says: /sslrootcert without a sslmode/,
    advises: /verify-full/
  },
  {
    name: "several hosts are named",
    url: ({ url }) => url.toString().replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:"),
    says: /more than one host cannot be used/,
    advises: /follows the primary/
  },
  {
    name: "a parameter is not known",
    url: ({ url }) => edited(url, (at) => (at.search = "sslmod=require")),
    says: /the parameter sslmod cannot be used/,
    advises: /did you mean sslmode\?/
  },
  {
    name: "a standby is asked for",
    url: ({ url }) => edited(url, (at) => (at.search = "target_session_attrs=standby")),
    says: /target_session_attrs=standby cannot be used/,
    advises: /primary/
  },
  {
    name: "channel binding is demanded",
    url: ({ url }) => edited(url, (at) => (at.search = "channel_binding=require")),
    says: /channel_binding=require cannot be used/,
    advises: /verify-full/
  },
  {
    name: "it is no PostgreSQL",
    url: () => "mysql://root@127.0.0.1/db",
    says: /DATABASE_URL is not one of PostgreSQL/,
    advises: /postgres:\/\/USER/
  },
  {
    name: "it is no PostgreSQL that listens there",
    url: ({ takenPort, url }) =>
      edited(url, (at) => {
        at.port = String(takenPort)
        at.search = "connect_timeout=1"
      }),
    says: /does not answer/,
    advises: /port/
  }
]

/** A command of the command line, to its end. */
const command = (args: ReadonlyArray<string>, env: Record<string, string>) =>
  Effect.callback<{ readonly code: number | null; readonly stderr: string }>((resume) => {
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stderr = ""
    child.stderr.on("data", (chunk) => (stderr += String(chunk)))
    child.on("close", (code) => resume(Effect.succeed({ code, stderr })))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

layer(World.layer, { timeout: 120_000, excludeTestServices: true })("a start that fails", (it) => {
  for (const { advises, name, says, skip, url } of cases) {
    it.effect.skipIf(skip === true)(`says that ${name}`, () =>
      Effect.gen(function* () {
        const explained = yield* failure(url(yield* World))
        assert.match(explained.message, says)
        assert.match(explained.advice ?? "", advises)
        assert.strictEqual(told(explained).split("\n").length, 3, "the cause is one line, what to do another")
        assert.notInclude(told(explained), (yield* World).url.password)
      })
    )
  }

  it.effect.skipIf(!hasOpenssl)("encrypts and checks the authority as it is asked to", () =>
    Effect.gen(function* () {
      const { ca, url } = yield* World
      const isEncrypted = (search: string) =>
        Effect.flatMap(PgClient.PgClient, (sql) =>
          sql.unsafe<{ ssl: boolean }>(`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`)
        ).pipe(
          Effect.map((rows) => rows[0]!.ssl),
          Effect.provide(Database.layer({ url: Redacted.make(edited(url, (at) => (at.search = search))) })),
          Effect.scoped
        )
      assert.isTrue(yield* isEncrypted(`sslmode=verify-ca&sslrootcert=${encodeURIComponent(ca)}`))
      assert.isTrue(yield* isEncrypted("sslmode=no-verify"))
      assert.isFalse(yield* isEncrypted("sslmode=disable"))
      assert.isFalse(yield* isEncrypted(""))
    })
  )

  it.effect("uses the name, the options and the patience that the URL gives", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const found = yield* Effect.flatMap(PgClient.PgClient, (sql) =>
        sql.unsafe(`SELECT current_setting('application_name') AS name, current_setting('work_mem') AS memory`)
      ).pipe(
        Effect.provide(
          Database.layer({
            url: Redacted.make(edited(url, (at) => (at.search = "application_name=mine&options=-c%20work_mem%3D7MB"))),
            applicationName: "ours"
          })
        ),
        Effect.scoped
      )
      assert.deepStrictEqual(found, [{ name: "mine", memory: "7MB" }])
    })
  )

  it.effect("a runner refuses a database that was not migrated", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const { code, stderr } = yield* command(["runner"], {
        DATABASE_URL: edited(url, (at) => (at.pathname = "/empty")),
        CLAWSTER_RUNNER_PORT: "34999"
      })
      assert.strictEqual(code, 1)
      assert.include(stderr, "clawster: the database has none of Clawster's tables\n  run clawster migrate")
    })
  )

  it.effect("a runner refuses keys that it cannot use, by the setting, and another key under a known id", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const migrated = yield* command(["migrate"], { DATABASE_URL: url.toString() })
      assert.strictEqual(migrated.code, 0, migrated.stderr)
      yield* KeyRegistry.register([secretKey("k1")]).pipe(
        Effect.provide(Database.layer({ url: Redacted.make(url.toString()) })),
        Effect.scoped
      )
      const other = Buffer.from(secretKey("else").bytes).toString("base64")
      const refused = new Map<Record<string, string>, RegExp>([
        [{ CLAWSTER_SECRET_KEYS: "k1:hush" }, /CLAWSTER_SECRET_KEYS: expected id:base64/],
        [{ CLAWSTER_SECRET_KEYS_FILE: "/nowhere/keys" }, /CLAWSTER_SECRET_KEYS_FILE=\/nowhere\/keys cannot be read/],
        [{ CLAWSTER_SECRET_KEYS: `k1:${other}` }, /the key k1 is not the one that this database's secrets/]
      ])
      for (const [env, says] of refused) {
        const { code, stderr } = yield* command(["runner"], {
          DATABASE_URL: url.toString(),
          CLAWSTER_LOG_LEVEL: "Fatal",
          CLAWSTER_RUNNER_PORT: "34998",
          ...env
        })
        assert.strictEqual(code, 1)
        assert.match(stderr, says)
        assert.notMatch(stderr, /\n\s+at /)
        assert.notInclude(stderr, "hush")
        assert.notInclude(stderr, other)
      }
    })
  )

  it.effect("a gateway and a runner refuse defaults of tenants that are not as documented, by the field", () =>
    Effect.gen(function* () {
      const { freePort, url } = yield* World
      const migrated = yield* command(["migrate"], { DATABASE_URL: url.toString() })
      assert.strictEqual(migrated.code, 0, migrated.stderr)
      for (const kind of ["gateway", "runner"]) {
        const { code, stderr } = yield* command([kind], {
          DATABASE_URL: url.toString(),
          CLAWSTER_LOG_LEVEL: "Fatal",
          CLAWSTER_HTTP_PORT: String(freePort),
          CLAWSTER_RUNNER_PORT: String(freePort),
          CLAWSTER_TENANT_DEFAULTS: `{"caps": {"pending": -1}}`
        })
        assert.strictEqual(code, 1, kind)
        assert.match(stderr, /^clawster: CLAWSTER_TENANT_DEFAULTS: caps\.pending: expected .*\n {2}give \{/, kind)
      }
    })
  )

  it.effect("a gateway and a runner say which port is taken, and by whom", () =>
    Effect.gen(function* () {
      const { takenPort, url } = yield* World
      const migrated = yield* command(["migrate"], { DATABASE_URL: url.toString() })
      assert.strictEqual(migrated.code, 0, migrated.stderr)
      const env = {
        DATABASE_URL: url.toString(),
        CLAWSTER_LOG_LEVEL: "Fatal",
        CLAWSTER_HTTP_PORT: String(takenPort),
        CLAWSTER_RUNNER_PORT: String(takenPort)
      }
      const said = new RegExp(
        `^clawster: 127\\.0\\.0\\.1:${takenPort} is taken by process ${process.pid} \\(.*\\)\\n  stop that, or choose another port`
      )
      for (const kind of ["gateway", "runner"]) {
        const { code, stderr } = yield* command([kind], env)
        assert.strictEqual(code, 1, kind)
        assert.match(stderr, existsSync("/proc/net/tcp") ? said : /is taken/, kind)
      }
    })
  )

  it.effect("up says what is wrong with its home, its configuration file and its database", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const directory = mkdtempSync(join(tmpdir(), "clawster-start-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true, force: true })))
      const file = join(directory, "file")
      writeFileSync(file, "gateway:\n  port: [1\nmore: 2\n")
      const list = join(directory, "list")
      writeFileSync(list, "- 1\n")
      const refused = new Map<ReadonlyArray<string>, RegExp>([
        [["--home", join(file, "home")], /the home folder .* cannot be written \(ENOTDIR\)\n  /],
        [["--openclaw-config", join(directory, "none")], /--openclaw-config .*none cannot be read \(ENOENT\)\n  /],
        [["--openclaw-config", file], /--openclaw-config .*file, line \d+: .*\n  /],
        [["--openclaw-config", list], /--openclaw-config .*list: expected an object/],
        [["--database-url", edited(url, (at) => (at.pathname = "/nowhere"))], /database "nowhere" does not exist/]
      ])
      for (const [args, says] of refused) {
        const home = join(directory, "home")
        mkdirSync(home, { recursive: true })
        const { code, stderr } = yield* command(
          ["up", ...(args[0] === "--home" ? args : ["--home", home, ...args])],
          {}
        )
        assert.strictEqual(code, 1, args.join(" "))
        assert.match(stderr, says)
        assert.notMatch(stderr, /\n\s+at /)
      }
      assert.isFalse(existsSync(join(directory, "home", "up.pid")))
      assert.strictEqual(readFileSync(list, "utf8"), "- 1\n")
    }).pipe(Effect.scoped)
  )
})
