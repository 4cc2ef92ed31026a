import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { type Commit, Journal } from "../../../src/actor/Journal.ts"
import { ofTask, ofTurn, Outputs } from "../../../src/ports/Outputs.ts"
import { TurnReads } from "../../../src/ports/Reads.ts"
import { rows } from "../../../src/entities/Session/TurnRow.ts"
import { initial } from "../../../src/entities/Session/SessionState.ts"
import { evolve } from "../../../src/entities/Session/SessionEvolve.ts"
import type { SessionEvent } from "../../../src/schema/events/SessionEvents.ts"
import { SessionId, TaskId, TenantId } from "../../../src/schema/Ids.ts"
import * as PgJournal from "../../../src/shards/journal/PgJournal.ts"
import { tables } from "../../../src/entities/catalog/Actors.ts"
import * as PgOutputs from "../../../src/shards/journal/PgOutputs.ts"
import * as PgTurns from "../../../src/shards/reads/PgTurns.ts"
import * as Retention from "../../../src/shards/retention/Retention.ts"
import { fromTurnToken } from "../../../src/schema/Session.ts"
import { conformance } from "../../conformance/Outputs.ts"
import * as Postgres from "../../fixtures/servers/Postgres.ts"

const layer = Layer.mergeAll(PgOutputs.layer, PgTurns.layer, PgJournal.layer).pipe(Layer.provideMerge(Postgres.layer))

conformance({ name: "PostgreSQL", layer })

const tenantId = TenantId.make("acme")
const sessionId = SessionId.make("s1")
const address = { entityType: "Session", entityId: "acme/s1", shardId: "default:1" }
const days = (count: number) => Duration.toMillis(Duration.days(count))

/** The events of a session as its commits write them, one commit each. */
const write = Effect.fnUntraced(function* (events: ReadonlyArray<SessionEvent>) {
  const journal = yield* Journal
  let state = initial(address.entityId)
  let seq = 0
  for (const event of events) {
    const after = evolve(state, event)
    const entry = { seq: ++seq, requestId: null, command: "Do", payloadHash: null, events: [], answer: null, at: 0 }
    const commit: Commit = { address, epoch: 1, entries: [entry], outbox: [], rows: rows(event, state, after) }
    yield* journal.append(commit)
    state = after
  }
})

const turn = (turnId: string, at: number, text: string): ReadonlyArray<SessionEvent> => {
  const about = { tenantId, sessionId, turnId, at }
  return [
    { _tag: "session.turn_queued", ...about, message: `say ${text}`, position: "tail", timeoutMillis: 1_000 },
    { _tag: "session.internal_placing", ...about },
    { _tag: "session.turn_completed", ...about, text, durationMillis: 1 }
  ]
}

describe("Turns and outputs on PostgreSQL", () => {
  it.live(
    "are read as their session wrote them, and go when they are older than tasks are kept",
    () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const outputs = yield* Outputs
        const turns = yield* TurnReads
        yield* sql.unsafe("INSERT INTO clawster_shards VALUES ('default:1', 'me', 1, now())")
        const [{ now }] = (yield* sql.unsafe<{ now: number }>(
          "SELECT extract(epoch FROM now())::float8 * 1000 AS now"
        )) as [{ now: number }]
        const times = Array.from({ length: 30 }, (_, n) => Math.floor(now) - days(3) + n * days(0.1))
        yield* write(times.flatMap((at, n) => turn(`u${n}`, at, `answer ${n}`)))

        const first = yield* turns.get({ tenantId, sessionId, turnId: "u0" })
        assert.deepStrictEqual([first?.phase, first?.text, first?.message], ["completed", "answer 0", "say answer 0"])
        assert.isUndefined(yield* turns.get({ tenantId: TenantId.make("globex"), sessionId, turnId: "u0" }))
        const seen: Array<string> = []
        for (let after: string | undefined, more = true; more;) {
          const page = yield* turns.list({
            tenantId,
            sessionId,
            after: after === undefined ? undefined : fromTurnToken(after),
            limit: 7
          })
          seen.push(...page.items.map(({ turnId }) => turnId))
          more = page.next !== undefined
          after = page.next
        }
        assert.deepStrictEqual(seen, times.map((_, n) => `u${n}`).toReversed())

        const kept = ofTurn(tenantId, sessionId, "u29", "u29.1")
        const old = ofTurn(tenantId, sessionId, "u0", "u0.1")
        const orphan = ofTask(tenantId, TaskId.make("never"), "never.1")
        const fresh = ofTask(tenantId, TaskId.make("underway"), "underway.1")
        for (const place of [kept, old, orphan, fresh]) yield* outputs.put(place, "a text")
        yield* sql.unsafe("UPDATE clawster_outputs SET at = now() - interval '2 days' WHERE run_key <> 'underway.1'")
        const options = {
          history: Duration.days(1),
          tasks: Duration.days(1),
          messages: Duration.days(1),
          idempotencyKeys: Duration.days(7),
          every: Duration.minutes(1),
          tables
        }
        const removed = yield* Retention.sweep(options)
        assert.deepStrictEqual([removed?.turns, removed?.outputs], [times.filter((at) => at < now - days(1)).length, 2])
        assert.isUndefined(yield* turns.get({ tenantId, sessionId, turnId: "u0" }))
        const texts = yield* Effect.forEach([kept, old, orphan, fresh], (place) => outputs.read(place, 0))
        assert.deepStrictEqual(
          texts.map(({ text }) => text),
          ["a text", "", "", "a text"]
        )
      }).pipe(Effect.provide(layer)),
    60_000
  )
})
