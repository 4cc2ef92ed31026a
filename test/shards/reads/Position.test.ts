import { assert, describe, it } from "@effect/vitest"
import { fromCursor, toCursor } from "../../../src/shards/reads/Position.ts"
import { Cursor } from "../../../src/schema/Feed.ts"

describe("A position of the feed", () => {
  it("is read back from its cursor", () => {
    assert.deepStrictEqual(fromCursor(toCursor({ tx: "1234", position: "56" })), { tx: "1234", position: "56" })
  })

  it("within an entry is where the entry begins", () => {
    assert.deepStrictEqual(fromCursor(Cursor.make("1234-56.2")), { tx: "1234", position: "56" })
  })
})
