/**
 * What the next runner would load of each actor, by its snapshot and the entries behind it, held against the fold of
 * all its entries. They differ when a runner of another version wrote a snapshot without what it does not know.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Codec from "../../src/actor/state/Codec.ts"
import type { Definition } from "../../src/actor/commit/PendingCommit.ts"
import { definitions } from "../../src/entities/catalog/Actors.ts"
import type { History, HistoryRow } from "../../src/testing/checks/History.ts"
import { actorOf } from "../../src/testing/checks/History.ts"

export interface Snapshot {
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  readonly version: number
  readonly state: unknown
}

const stored = Effect.flatMap(PgClient.PgClient, (sql) =>
  sql.unsafe<Snapshot>(
    `SELECT entity_type AS "entityType", entity_id AS "entityId", seq::float8 AS seq, version, state
     FROM clawster_snapshots`
  )
)

const known = new Map(
  definitions.map((definition) => [definition.entity.type as string, definition as unknown as Definition])
)

const byActor = (history: History): ReadonlyMap<string, ReadonlyArray<HistoryRow>> => Map.groupBy(history, actorOf)

/** The state as JSON, folded from the snapshot on, or from the beginning. */
export const stateOf = (definition: Definition, rows: ReadonlyArray<HistoryRow>, entityId: string, from?: Snapshot) => {
  const codec = Codec.make<unknown, { readonly _tag: string }>(definition)
  let state = from === undefined ? definition.initial(entityId) : codec.decodeState(from.state, entityId)
  for (const row of rows) {
    if (from !== undefined && row.seq <= from.seq) continue
    for (const event of row.events) state = definition.evolve(state, codec.decodeEvent(event, entityId))
  }
  return codec.encodeState(state, entityId)
}

/** The fields at which two documents differ. */
const differing = (one: unknown, other: unknown): ReadonlyArray<string> => {
  const [a, b] = [one, other] as ReadonlyArray<Readonly<Record<string, unknown>>>
  return [...new Set([...Object.keys(a!), ...Object.keys(b!)])].filter((key) => !isDeepStrictEqual(a![key], b![key]))
}

/** How many snapshots were looked at, and in words those that are not the fold of the entries. */
export const compare = (history: History, snapshots: ReadonlyArray<Snapshot>) => {
  const rowsOf = byActor(history)
  const found: Array<string> = []
  let checked = 0
  for (const snapshot of snapshots) {
    const definition = known.get(snapshot.entityType)
    if (definition?.stateVersion !== snapshot.version) continue
    const rows = rowsOf.get(actorOf(snapshot)) ?? []
    const loaded = stateOf(definition, rows, snapshot.entityId, snapshot)
    const folded = stateOf(definition, rows, snapshot.entityId)
    checked++
    if (isDeepStrictEqual(loaded, folded)) continue
    const fields = differing(loaded, folded).join(", ")
    found.push(`the snapshot of ${actorOf(snapshot)} is not the fold of its entries: ${fields}`)
  }
  return { checked, found }
}

export const check = (history: History) => Effect.map(stored, (snapshots) => compare(history, snapshots))
