import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Entry, Journal, Loaded } from "../../../src/actor/Journal.ts"
import * as Codec from "../../../src/actor/state/Codec.ts"
import type { Definition } from "../../../src/actor/commit/PendingCommit.ts"
import { load } from "../../../src/actor/state/Load.ts"
import { definition } from "../../fixtures/Counter.ts"

const counter = definition as unknown as Definition
const codec = Codec.make<any, any>(counter)

const added = (seq: number): Entry => ({
  seq,
  requestId: `add-${seq}`,
  command: "Add",
  payloadHash: null,
  events: [{ _tag: "counter.added", by: 1 }],
  answer: { _tag: "Success", value: seq },
  at: 0
})

const loaded = (entries: ReadonlyArray<Entry>, passedOver: number): Loaded => ({
  snapshot: undefined,
  passedOver,
  entries,
  moreEntries: false,
  outbox: [],
  moreOutbox: false,
  wake: undefined,
  complete: true
})

const totalOf = (found: Loaded) => {
  const journal = { load: () => Effect.succeed(found) } as unknown as Journal["Service"]
  const address = { entityType: "Counter", entityId: "a", shardId: "default:1" }
  return (Effect.runSync(load(journal, counter, codec, address)).memory.state as { readonly total: number }).total
}

describe("An actor whose snapshot is of another version", () => {
  it("is folded from its first entry", () => {
    assert.strictEqual(totalOf(loaded([added(1), added(2), added(3)], 2)), 3)
  })

  it("does not load when the entries before that snapshot are gone, some or all", () => {
    assert.throws(() => totalOf(loaded([added(3)], 2)), /no entry 1/)
    assert.throws(() => totalOf(loaded([], 2)), /pruned up to a snapshot of another version, at 2/)
  })
})
