/** What the upgrade under load holds against snapshots that runners of two versions wrote. */
import { assert, describe, it } from "@effect/vitest"
import { compare, type Snapshot, stateOf } from "../../chaos/rolling/Snapshots.ts"
import { definitions } from "../../src/entities/catalog/Actors.ts"
import type { Definition } from "../../src/actor/commit/PendingCommit.ts"
import type { HistoryRow } from "../../src/testing/checks/History.ts"
import golden from "../golden/history.v1.json" with { type: "json" }

const history = golden.rows as unknown as ReadonlyArray<HistoryRow>
const definition = definitions.find(({ entity }) => entity.type === "Lane") as unknown as Definition
const { entityId } = history.find(({ entityType }) => entityType === "Lane")!
const rows = history.filter((row) => row.entityType === "Lane" && row.entityId === entityId)
const half = rows.slice(0, Math.ceil(rows.length / 2))

/** Of the first half of a lane's entries. */
const snapshot: Snapshot = {
  entityType: "Lane",
  entityId,
  seq: half.at(-1)!.seq,
  version: definition.stateVersion,
  state: stateOf(definition, half, entityId)
}

describe("The check of snapshots", () => {
  it("passes one that is the fold of its entries", () => {
    assert.deepStrictEqual(compare(history, [snapshot]), { checked: 1, found: [] })
  })

  it("names the field that a snapshot has not as its entries say", () => {
    const state = { ...(snapshot.state as object), completed: 1_000 }
    const { found } = compare(history, [{ ...snapshot, state }])
    assert.deepStrictEqual(found, [`the snapshot of Lane/${entityId} is not the fold of its entries: completed`])
  })

  it("leaves out one of another version of the state, which no runner of this one loads", () => {
    assert.strictEqual(compare(history, [{ ...snapshot, version: definition.stateVersion + 1 }]).checked, 0)
  })
})
