import { assert, describe, it } from "@effect/vitest"
import { isAny, type Removed } from "../../../src/shards/retention/Retention.ts"

const none: Removed = {
  journal: 0,
  tasks: 0,
  turns: 0,
  outputs: 0,
  messages: 0,
  idempotencyKeys: 0,
  revokedKeys: 0,
  deadMessages: 0,
  resources: 0
}

describe("A sweep of history", () => {
  it("has removed something when it has removed rows of any kind", () => {
    assert.isFalse(isAny(none))
    for (const kind of Object.keys(none)) assert.isTrue(isAny({ ...none, [kind]: 1 }), kind)
  })
})
