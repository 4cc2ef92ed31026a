import { assert, describe, it } from "@effect/vitest"
import type { RowWrite, Table } from "../../../src/actor/Actor.ts"
import type { Commit } from "../../../src/actor/Journal.ts"
import { build } from "../../../src/shards/journal/CommitStatement.ts"

const table = (name: string): Table => ({ name, key: ["id"], columns: { id: "text", phase: "text", result: "json" } })
const [claims, tasks] = [table("claims"), table("tasks")]

const commitOf = (seq: number, ...rows: ReadonlyArray<RowWrite>): Commit => ({
  address: { entityType: "Case", entityId: "one", shardId: "default:1" },
  epoch: 1,
  entries: [{ seq, requestId: null, command: "Do", payloadHash: null, events: [], answer: null, at: 0 }],
  outbox: [],
  rows
})

const insert = (table: Table, id: string): RowWrite => ({ table, op: "insert", row: { id, phase: "pending" } })
const start = (id: string): RowWrite => ({ table: tasks, op: "update", row: { id, phase: "running" } })
const end = (id: string): RowWrite => ({ table: tasks, op: "update", row: { id, phase: "completed", result: {} } })

describe("the statement of a group", () => {
  it("has one text for one set of tables and columns, in whatever order they were written", () => {
    const one = build([
      commitOf(1, insert(claims, "c")),
      commitOf(2, insert(tasks, "a"), start("b")),
      commitOf(3, end("d"))
    ])
    const other = build([commitOf(1, end("d"), start("e")), commitOf(2, insert(tasks, "a"), insert(claims, "c"))])
    assert.strictEqual(one.text, other.text)
    assert.notStrictEqual(one.text, build([commitOf(1, insert(tasks, "a"))]).text)
  })

  it("writes the only row of a commit as it writes one of many", () => {
    const alone = build([commitOf(1, start("a")), commitOf(2, start("b"))])
    const together = build([commitOf(1, start("a"), start("b")), commitOf(2)])
    assert.strictEqual(alone.text, together.text)
  })

  it("merges the writes of one commit to one row, and leaves them as they were given", () => {
    const [added, started] = [insert(tasks, "a"), start("a")]
    const merged = build([commitOf(1, added, started)])
    const { text } = build([commitOf(1, insert(tasks, "a"))])
    assert.strictEqual(merged.text, text)
    assert.deepStrictEqual(merged.params.at(-1), build([commitOf(1, { ...added, row: started.row })]).params.at(-1))
    assert.deepStrictEqual(added, insert(tasks, "a"))
  })

  it("names only the columns of which an inserted row has a value", () => {
    assert.notInclude(build([commitOf(1, insert(tasks, "a"), insert(tasks, "b"))]).text, "result")
    const given = { table: tasks, op: "insert" as const, row: { id: "b", phase: "completed", result: {} } }
    assert.include(build([commitOf(1, insert(tasks, "a"), given)]).text, "(id, phase, result)")
  })
})
