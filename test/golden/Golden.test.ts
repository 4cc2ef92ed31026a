/**
 * What an earlier version stored stays readable: its journal folds to the views it had, and what it stored in clear is
 * encrypted from then on. `history.v1.json` is a cluster's, `history.v2.json` has remote instances with their tokens in
 * clear.
 */
import { assert, describe, it } from "@effect/vitest"
import { Equal } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Codec from "../../src/actor/state/Codec.ts"
import * as ViewCodec from "../../src/actor/state/ViewCodec.ts"
import { definitions as all } from "../../src/entities/catalog/Actors.ts"
import type { Definition } from "../../src/actor/commit/PendingCommit.ts"
import * as AesSecretBox from "../../src/shards/secrets/AesSecretBox.ts"
import { secretKey } from "../fixtures/SecretKeys.ts"
import type { HistoryRow } from "../../src/testing/checks/History.ts"

interface Golden {
  readonly rows: ReadonlyArray<HistoryRow>
  readonly views: ReadonlyArray<{ readonly entityType: string; readonly entityId: string; readonly doc: unknown }>
}

const definitions = new Map(
  all.map((definition) => [definition.entity.type as string, definition as unknown as Definition])
)

const box = AesSecretBox.make([secretKey("golden")])

/** The secrets in clear. */
const secretsIn = (definition: Definition, entityId: string, rows: ReadonlyArray<HistoryRow>) => {
  const found: Array<string> = []
  const { event } = Codec.sealings(definition, box)
  for (const row of rows) {
    for (const one of row.events) event?.reseal(one, entityId, (secret) => found.push(String(secret)))
  }
  return found
}

const fold = (definition: Definition, entityId: string, rows: ReadonlyArray<HistoryRow>): unknown => {
  const codec = Codec.make<unknown, { readonly _tag: string }>(definition, box)
  let state = definition.initial(entityId)
  for (const row of rows)
    for (const event of row.events) state = definition.evolve(state, codec.decodeEvent(event, entityId))
  const stored = JSON.stringify(codec.encodeState(state, entityId))
  assert.isTrue(Equal.equals(codec.decodeState(JSON.parse(stored), entityId), state))
  for (const secret of secretsIn(definition, entityId, rows)) assert.notInclude(stored, secret)
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

describe("history.v2.json", () => {
  it("has tokens in clear, of a shared instance and of a tenant's", () => {
    const { rows }: Golden = JSON.parse(readFileSync(new URL("history.v2.json", folder), "utf8"))
    const tokens = ["far", "own"].map((name) => {
      const entityId = `default/${name}`
      return secretsIn(
        definitions.get("Instance")!,
        entityId,
        rows.filter((row) => row.entityId === entityId)
      )
    })
    assert.deepStrictEqual(tokens, [
      ["golden-token-1-far", "golden-token-2-far"],
      ["golden-token-1-own", "golden-token-2-own"]
    ])
  })
})
