import { assert, describe, it } from "@effect/vitest"
import { Cursor } from "../../../../src/schema/feed/Feed.ts"
import { compareCursors } from "../../../../src/schema/feed/FeedPosition.ts"
import { fromCursor, toCursor } from "../../../../src/shards/reads/feed/Position.ts"

describe("Position", () => {
  it("is the same after it was a cursor", () => {
    assert.deepStrictEqual(fromCursor(toCursor({ tx: "1234", position: "56" }, 12345)), { tx: "1234", position: "56" })
  })

  it("of an event within an entry is where the entry begins", () => {
    assert.deepStrictEqual(fromCursor(Cursor.make("1234-56.2")), { tx: "1234", position: "56" })
    assert.deepStrictEqual(fromCursor(Cursor.make("1234-54321000000000000056.2")), { tx: "1234", position: "56" })
  })

  it("is the same place with and without the mark that newer cursors have", () => {
    const marked = toCursor({ tx: "1234", position: "56" }, 54321)
    assert.strictEqual(compareCursors(Cursor.make("1234-56"), marked), 0)
    assert.isBelow(compareCursors(Cursor.make("1234-55"), marked), 0)
    assert.isAbove(compareCursors(Cursor.make("1234-57"), marked), 0)
    assert.isAbove(compareCursors(Cursor.make("1235-0"), marked), 0)
  })

  it("never passes what the database can hold", () => {
    assert.deepStrictEqual(fromCursor(Cursor.make("99999999999999999999-9999999999999999999")), {
      tx: "9223372036854775807",
      position: "9223372036854775807"
    })
  })
})
