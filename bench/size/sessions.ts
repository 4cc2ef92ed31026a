/**
 * Sessions in memory on one runner, each opened and with one turn on record (accepted, then aborted while it looked for
 * an instance, so that nothing is under way). `resident-session`: after the calls that made them, a tenth of them.
 * `loaded-session`: all, in a new process that loads each from its journal; those not made by calls are copies, by SQL,
 * of what calls have left of one. The baseline is a stock entity that holds one number, after one call each: what the
 * cluster module itself keeps for an entity.
 */
import { Effect, Layer, type Redacted } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Session } from "../../src/entities/Session.ts"
import { SessionId, sessionEntityId, TenantId } from "../../src/schema/Ids.ts"
import * as Clawster from "../harness/clawster.ts"
import { forCalls, type Load } from "../harness/measure.ts"
import * as Stock from "../harness/stock.ts"
import { Bare, startRunner, stopRunner } from "./actors.ts"
import { type Found, type Figure, kibi, type SizeCase } from "./case.ts"
import * as Memory from "./memory.ts"
import { withSql } from "./tables.ts"

const inFlight = 64
/** Sessions that exist before the first reading, so that code and pools are not counted. */
const warmUp = 300

const tenantId = TenantId.make("bench")
const idOf = (n: number): string => sessionEntityId(tenantId, SessionId.make(`session-${n}`))

interface Growth {
  readonly rssEach: number
  readonly heapEach: number
  readonly residents: number
  readonly load: Load
}

/** Journals like that of session 0, for the sessions from `first` to `count`. */
const copySessions = (url: Redacted.Redacted, first: number, count: number) =>
  withSql(url, (sql) =>
    sql.unsafe(
      `INSERT INTO clawster_journal
         (entity_type, entity_id, seq, shard_id, epoch, request_id, command, payload_hash, events, answer, at)
       SELECT entity_type, '${tenantId}/session-' || n, seq, shard_id, epoch, request_id, command, payload_hash,
         replace(events::text, '"session-0"', '"session-' || n || '"')::json,
         replace(answer::text, '"session-0"', '"session-' || n || '"')::json, at
       FROM clawster_journal, generate_series(${first}, ${count - 1}) AS n
       WHERE entity_type = 'Session' AND entity_id = '${idOf(0)}'`
    )
  )

/** What `count` actors add to a runner. */
const growth = Effect.fnUntraced(function* <E>(
  runner: Parameters<typeof Memory.read>[0],
  count: number,
  touch: (n: number) => Effect.Effect<unknown, E>
) {
  yield* forCalls({ inFlight, calls: warmUp }, touch)
  const before = yield* Memory.read(runner)
  const load = yield* forCalls({ inFlight, calls: count - warmUp }, (n) => touch(n + warmUp))
  const after = yield* Memory.read(runner)
  const added = after.residents - before.residents
  if (added < count - warmUp) {
    return yield* Effect.die(new Error(`only ${added} stayed in memory:\n${runner.output().slice(-2_000)}`))
  }
  return {
    rssEach: (after.rss - before.rss) / added,
    heapEach: (after.heap - before.heap) / added,
    residents: after.residents,
    load
  } satisfies Growth
})

const figure = (id: string, { heapEach, load, residents, rssEach }: Growth, bare: Growth, most?: number): Figure => ({
  id,
  value: kibi(rssEach),
  unit: "KiB",
  baseline: kibi(bare.rssEach),
  ...(most === undefined ? {} : { most }),
  note:
    `${residents.toLocaleString("en-US")} resident, RSS after a collection; heap ${kibi(heapEach).toFixed(1)} KiB each` +
    ` (stock ${kibi(bare.heapEach).toFixed(1)}); ${Math.round(load.perSecond)} sessions/s`
})

export const sessions: SizeCase = {
  id: "sessions",
  run: Effect.fnUntraced(function* ({ database, scale }) {
    const count = Math.max(20 * warmUp, Math.round(100_000 * scale))
    const madeByCalls = count / 10
    const url = yield* database("sessions")
    const made = yield* Effect.scoped(
      Effect.gen(function* () {
        const runner = yield* startRunner("clawster", url)
        const layer = yield* Layer.build(Clawster.layerClient(url))
        const session = yield* Effect.provide(ActorClient.make(Session), layer)
        const open = (n: number) =>
          Effect.gen(function* () {
            const one = session(idOf(n))
            yield* one.SessionCreate({ hints: {} })
            yield* one.TurnSend({ turnId: "turn-1", message: `What is on for today? (${n})`, timeoutMillis: 60_000 })
            yield* one.SessionAbort({ queued: true })
          })
        const grown = yield* growth(runner, madeByCalls, open)
        yield* stopRunner(runner)
        return grown
      })
    )
    yield* copySessions(url, madeByCalls, count)
    const loaded = yield* Effect.scoped(
      Effect.gen(function* () {
        const runner = yield* startRunner("clawster", url)
        const layer = yield* Layer.build(Clawster.layerClient(url))
        const session = yield* Effect.provide(ActorClient.make(Session), layer)
        return yield* growth(runner, count, (n) => session(idOf(n)).SessionGet())
      })
    )
    const bareUrl = yield* database("sessions_bare")
    const bare = yield* Effect.scoped(
      Effect.gen(function* () {
        const runner = yield* startRunner("bare", bareUrl)
        const entity = yield* Effect.provide(Bare.client, yield* Layer.build(Stock.layerClient(bareUrl)))
        return yield* growth(runner, count / 4, (n) => entity(`bare-${n}`).Touch())
      })
    )
    const found: Found = {
      figures: [figure("resident-session", made, bare, 20), figure("loaded-session", loaded, bare, 20)],
      curves: []
    }
    return found
  }, Effect.orDie)
}
