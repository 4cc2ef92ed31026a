/** The instances as their views last said, read once for all lanes and sessions of a runner whenever a view has changed. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, PubSub, Schedule, Schema, Stream } from "effect"
import { Fleet } from "../../entities/Fleet.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { answerTimeout } from "./Unavailable.ts"

const refreshEvery = "200 millis"
/** Far above what one deployment has; beyond it the newest registrations are not routed to. */
const instancesMax = 10_000

const decode = Schema.decodeUnknownSync(
  Schema.toCodecJson(InstanceStatus) as unknown as Schema.Codec<InstanceStatus, unknown>
)

const make = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  const changes = yield* PubSub.sliding<void>(1)
  const known = new Map<string, { readonly revision: string; readonly status: InstanceStatus }>()
  let snapshot: ReadonlyArray<InstanceStatus> = []

  const refresh = Effect.gen(function*() {
    const revisions = yield* sql.unsafe<{ id: string; revision: string }>(
      `SELECT entity_id AS id, revision::text AS revision FROM clawster_views WHERE entity_type = 'Instance'
       ORDER BY entity_id LIMIT ${instancesMax}`
    )
    const stale = revisions.filter(({ id, revision }) => known.get(id)?.revision !== revision)
    const present = new Set(revisions.map(({ id }) => id))
    const gone = [...known.keys()].filter((id) => !present.has(id))
    if (stale.length === 0 && gone.length === 0) return
    const rows = stale.length === 0 ? [] : yield* sql.unsafe<{ id: string; revision: string; doc: unknown }>(
      `SELECT entity_id AS id, revision::text AS revision, doc FROM clawster_views
       WHERE entity_type = 'Instance' AND entity_id IN (SELECT json_array_elements_text($1::text::json))`,
      [JSON.stringify(stale.map(({ id }) => id))]
    )
    for (const id of gone) known.delete(id)
    for (const { doc, id, revision } of rows) known.set(id, { revision, status: decode(doc) })
    snapshot = [...known.values()].map(({ status }) => status)
    yield* PubSub.publish(changes, undefined)
  })

  yield* refresh.pipe(
    Effect.timeout(answerTimeout),
    Effect.catchCause((cause) => Effect.logDebug("The fleet could not be read; the last view of it holds", cause)),
    Effect.repeat(Schedule.spaced(refreshEvery)),
    Effect.forkScoped
  )
  return Fleet.of({ snapshot: Effect.sync(() => snapshot), changes: Stream.fromPubSub(changes) })
})

export const layer = Layer.effect(Fleet, make)
