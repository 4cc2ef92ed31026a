/**
 * The instances adjusted by their liveness, polled once for all lanes and sessions of a runner. A change is published
 * when a view has changed, or when an instance has fallen silent or is heard again.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Effect, Layer, PubSub, Schedule, Stream } from "effect"
import { Fleet } from "../../ports/Fleet.ts"
import type { InstanceStatus } from "../../schema/Instance.ts"
import { silentAfterMillis } from "../../schema/instance/Liveness.ts"
import * as LivenessColumns from "./LivenessColumns.ts"
import { answerTimeout } from "./StoreUnavailable.ts"

const refreshEvery = "200 millis"
const livenessEveryMillis = 1_000
/** Far above what one deployment has. Beyond it, the instances with the last ids are not routed to. */
const instancesMax = 10_000

interface Known {
  readonly revision: string
  /** Undefined when the view cannot be decoded. */
  readonly stored: InstanceStatus | undefined
}

type Doubt = LivenessColumns.LivenessRow & { readonly id: string; readonly isRetired: boolean }

/** Only the instances whose state differs from what their view says; usually there are none. */
const doubtful = `WITH ${LivenessColumns.servedPlacements}, found AS (
    SELECT v.entity_id AS id, ${LivenessColumns.isRetired} AS "isRetired", ${LivenessColumns.livenessColumns}
    FROM clawster_views v ${LivenessColumns.heartbeatJoin}
    WHERE v.entity_type = 'Instance'
  )
  SELECT * FROM found
  WHERE "isRetired" OR NOT "isServed" OR "silentMillis" IS NULL OR "silentMillis" > ${silentAfterMillis}`

const isSame = (left: InstanceStatus | undefined, right: InstanceStatus): boolean =>
  left !== undefined && left.health === right.health && left.reason === right.reason

const make = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const changes = yield* PubSub.sliding<void>(1)
  const known = new Map<string, Known>()
  let doubts: ReadonlyMap<string, Doubt> = new Map()
  let doubtedAt: number | undefined
  /** A status keeps its object identity for as long as it is unchanged, since lanes cache what they derived from it. */
  let shown = new Map<string, Known & { readonly status: InstanceStatus }>()
  let snapshot: ReadonlyArray<InstanceStatus> = []

  const readViews = Effect.gen(function* () {
    const revisions = yield* sql.unsafe<{ id: string; revision: string }>(
      `SELECT entity_id AS id, revision::text AS revision FROM clawster_views WHERE entity_type = 'Instance'
       ORDER BY entity_id LIMIT ${instancesMax}`
    )
    const stale = revisions.filter(({ id, revision }) => known.get(id)?.revision !== revision)
    const present = new Set(revisions.map(({ id }) => id))
    for (const id of known.keys()) if (!present.has(id)) known.delete(id)
    if (stale.length === 0) return
    const rows = yield* sql.unsafe<{ id: string; revision: string; doc: unknown }>(
      `SELECT entity_id AS id, revision::text AS revision, doc FROM clawster_views
       WHERE entity_type = 'Instance' AND entity_id IN (SELECT json_array_elements_text($1::text::json))`,
      [JSON.stringify(stale.map(({ id }) => id))]
    )
    for (const { doc, id, revision } of rows)
      known.set(id, { revision, stored: yield* LivenessColumns.statuses.decode(id, doc) })
  })

  const readLiveness = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (doubtedAt !== undefined && now - doubtedAt < livenessEveryMillis) return
    const rows = yield* sql.unsafe<Doubt>(doubtful)
    doubts = new Map(rows.map((row) => [row.id, row]))
    doubtedAt = now
  })

  /** Recomputes the snapshot. Returns true when it has changed. */
  const show = () => {
    const next: typeof shown = new Map()
    let changed = false
    for (const [id, { revision, stored }] of known) {
      const doubt = doubts.get(id)
      if (doubt?.isRetired === true || stored === undefined) continue
      const before = shown.get(id)
      const status = doubt === undefined ? stored : LivenessColumns.seen(stored, doubt)
      if (before?.revision === revision && isSame(before.status, status)) next.set(id, before)
      else {
        next.set(id, { revision, stored, status })
        changed = true
      }
    }
    changed ||= next.size !== shown.size
    shown = next
    if (changed) snapshot = [...shown.values()].map(({ status }) => status)
    return changed
  }

  yield* Effect.andThen(readViews, readLiveness).pipe(
    Effect.andThen(Effect.suspend(() => (show() ? PubSub.publish(changes, undefined) : Effect.void))),
    Effect.timeout(answerTimeout),
    Effect.catchCause((cause) => Effect.logDebug("The fleet could not be read; the last view of it holds", cause)),
    Effect.repeat(Schedule.spaced(refreshEvery)),
    Effect.forkScoped
  )
  return Fleet.of({
    snapshot: Effect.sync(() => snapshot),
    changes: Stream.fromPubSub(changes),
    readAt: Effect.sync(() => doubtedAt)
  })
})

export const layer = Layer.effect(Fleet, make)
