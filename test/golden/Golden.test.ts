/** What an earlier version stored stays readable: its journal folds to the views it had. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import * as Codec from "../../src/actor/state/Codec.ts"
import * as ViewCodec from "../../src/actor/state/ViewCodec.ts"
import { definitions as all } from "../../src/entities/catalog/Actors.ts"
import type { Definition } from "../../src/actor/runtime/PendingCommit.ts"
import type { HistoryRow } from "../../src/testing/checks/History.ts"

interface Golden {
  readonly rows: ReadonlyArray<HistoryRow>
  readonly views: ReadonlyArray<{ readonly entityType: string; readonly entityId: string; readonly doc: unknown }>
}

const definitions = new Map(
  all.map((definition) => [definition.entity.type as string, definition as unknown as Definition])
)

const fold = (definition: Definition, entityId: string, rows: ReadonlyArray<HistoryRow>): unknown => {
  const codec = Codec.make<unknown, { readonly _tag: string }>(definition)
  let state = definition.initial(entityId)
  for (const row of rows)
    for (const event of row.events) state = definition.evolve(state, codec.decodeEvent(event, entityId))
  assert.deepStrictEqual(
    codec.decodeState(JSON.parse(JSON.stringify(codec.encodeState(state, entityId))), entityId),
    state
  )
  return ViewCodec.make(definition.view!)(definition.view!.of(state, entityId)).doc
}

const folder = new URL("./", import.meta.url)

describe.each(readdirSync(folder).filter((name) => /^history\.v\d+\.json$/.test(name)))("%s", (name) => {
  const golden: Golden = JSON.parse(readFileSync(new URL(name, folder), "utf8"))

  it.each(
    golden.views.map(
      ({ doc, entityId, entityType }) => [`${entityType} ${entityId}`, entityType, entityId, doc] as const
    )
  )("%s folds to the view it had", (_, entityType, entityId, doc) => {
    const rows = golden.rows.filter((row) => row.entityType === entityType && row.entityId === entityId)
    const view = fold(definitions.get(entityType)!, entityId, rows)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(view)), doc)
  })
})
