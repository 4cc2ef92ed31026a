/**
 * Backup and restore by PostgreSQL's own programs, where the machine has them (Debian: `apt-get install postgresql`): a
 * dump restored on a new server, and a standby that is promoted. Where it has not, `Timelines.integration.test.ts` does
 * the same by copying rows.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Feed } from "../../src/ports/Reads.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import { Cursor, type FeedEvent } from "../../src/schema/feed/Feed.ts"
import * as Database from "../../src/shards/Database.ts"
import { migrate } from "../../src/shards/Migrations.ts"
import * as PgJournal from "../../src/shards/journal/PgJournal.ts"
import * as ServerAccount from "../../src/shards/postgres/ServerAccount.ts"
import * as PgFeed from "../../src/shards/reads/feed/PgFeed.ts"
import { burn, ownShard, say } from "../fixtures/store/JournalWriter.ts"
import { until } from "../fixtures/Until.ts"

const installed = "/usr/lib/postgresql"
const bin = (existsSync(installed) ? readdirSync(installed) : [])
  .map((version) => join(installed, version, "bin"))
  .findLast((folder) => existsSync(join(folder, "pg_dump")) && existsSync(join(folder, "initdb")))

const account = ServerAccount.account()

const run = (program: string, ...args: ReadonlyArray<string>) => {
  const { status, stderr } = spawnSync(join(bin!, program), args, { ...account, stdio: ["ignore", "ignore", "pipe"] })
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${String(stderr)}`)
}

interface Server {
  readonly data: string
  readonly port: number
  readonly url: string
}

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "clawster-backup-"))
    chmodSync(path, 0o755)
    if (account !== undefined) chownSync(path, account.uid, account.gid)
    return path
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** `prepare` makes the data folder. */
const serve = Effect.fnUntraced(function* (home: string, name: string, prepare: (data: string) => void) {
  const data = join(home, name)
  const port = yield* TcpPorts.freePort
  const url = `postgres://clawster@127.0.0.1:${port}/postgres`
  const flags = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off`
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      prepare(data)
      run("pg_ctl", "-w", "-D", data, "-l", `${data}.log`, "-o", flags, "start")
    }),
    () => Effect.sync(() => run("pg_ctl", "-w", "-D", data, "-m", "immediate", "stop"))
  )
  return { data, port, url } satisfies Server
})

const initialise = (data: string) =>
  run("initdb", "-D", data, "-U", "clawster", "-A", "trust", "-E", "UTF8", "--locale=C")

const processOn = ({ url }: Server) =>
  Layer.build(
    Layer.fresh(Layer.mergeAll(PgJournal.layer, PgFeed.layer)).pipe(
      Layer.provideMerge(Layer.fresh(Database.layer({ url: Redacted.make(url) })))
    )
  )

const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `t${from + index}`)
const submit = (from: number, to: number) =>
  Effect.forEach(
    names(from, to),
    (taskId) => say("Lane", "acme/main", [{ _tag: "task.submitted", tenantId: "acme", taskId }]),
    {
      discard: true
    }
  )
const taken = (after: Cursor, count: number) =>
  Effect.flatMap(Feed, (feed) =>
    feed.follow(after).pipe(
      Stream.filter(({ type }) => type !== "feed.position"),
      Stream.take(count),
      Stream.runCollect,
      Effect.map((events: ReadonlyArray<FeedEvent>) => events.map(({ payload, type }) => payload["taskId"] ?? type)),
      Effect.timeout("20 seconds")
    )
  )
const timelines = Effect.flatMap(PgClient.PgClient, (sql) =>
  Effect.map(sql.unsafe<{ timeline: number }>(`SELECT timeline FROM clawster_feed`), (rows) => rows[0]!.timeline)
)

it.live.skipIf(bin === undefined)(
  "a dump restored on a new server, and a standby that was promoted, go on with the same feed",
  () =>
    Effect.gen(function* () {
      const home = yield* folder
      mkdirSync(join(home, "dump"), { mode: 0o777 })
      if (account !== undefined) chownSync(join(home, "dump"), account.uid, account.gid)
      const first = yield* serve(home, "first", initialise)
      yield* Effect.provide(migrate, Layer.fresh(Database.layer({ url: Redacted.make(first.url) })))
      const old = yield* processOn(first)
      const end = yield* Effect.gen(function* () {
        yield* ownShard
        yield* burn(2_000)
        yield* submit(1, 20)
        return yield* (yield* Feed).position
      }).pipe(Effect.provide(old))

      const dump = join(home, "dump", "clawster.dump")
      run("pg_dump", "-Fc", "-f", dump, first.url)
      const restored = yield* serve(home, "restored", initialise)
      run("pg_restore", "--exit-on-error", "-d", restored.url, dump)
      yield* Effect.gen(function* () {
        yield* submit(21, 23)
        assert.deepStrictEqual(yield* taken(Cursor.make("0-0"), 23), names(1, 23))
        assert.deepStrictEqual(yield* taken(end, 3), names(21, 23))
        assert.strictEqual(yield* timelines, 1)
      }).pipe(Effect.provide(yield* processOn(restored)))

      const standby = yield* serve(home, "standby", (data) => run("pg_basebackup", "-D", data, "-R", "-d", first.url))
      yield* Effect.provide(submit(21, 22), old)
      const replica = yield* Layer.build(Layer.fresh(PgClient.layer({ url: Redacted.make(standby.url) })))
      const rows = Effect.map(
        Context.get(replica, PgClient.PgClient).unsafe<{ count: number }>(
          `SELECT count(*)::float8 AS count FROM clawster_journal`
        ),
        ([row]) => row!.count
      )
      yield* until(
        "the standby has all",
        Effect.map(rows, (count) => count === 22)
      )
      run("pg_ctl", "-w", "-D", standby.data, "promote")
      yield* Effect.gen(function* () {
        yield* submit(23, 25)
        assert.deepStrictEqual(yield* taken(Cursor.make("0-0"), 25), names(1, 25))
        assert.deepStrictEqual(yield* taken(end, 5), names(21, 25))
        assert.strictEqual(yield* timelines, 1)
      }).pipe(Effect.provide(yield* processOn(standby)))
    }).pipe(Effect.scoped)
)
