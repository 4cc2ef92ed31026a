import { assert, describe, it } from "@effect/vitest"
import { CliOutput } from "effect/cli"
import { plain } from "../../src/cli/Terminal.ts"
import { type Column, fields, table } from "../../src/cli/TextTable.ts"

interface Row {
  readonly name: string
  readonly count: number
}

const columns: ReadonlyArray<Column<Row>> = [
  { title: "NAME", value: ({ name }) => name, colour: () => "green" },
  { title: "COUNT", value: ({ count }) => count }
]

const lines = (rows: ReadonlyArray<Row>, width = Number.POSITIVE_INFINITY) =>
  table(columns, rows, { ...plain, columns: width }).split("\n")

describe("table", () => {
  it("aligns text to the left and numbers to the right", () => {
    assert.deepStrictEqual(
      lines([
        { name: "a", count: 5 },
        { name: "longer", count: 1_000 }
      ]),
      ["NAME    COUNT", "a           5", "longer   1000"]
    )
  })

  it("is never wider than the screen: the widest column gives way", () => {
    const rows = [{ name: "x".repeat(200), count: 1 }]
    for (const width of [80, 40, 25]) {
      for (const line of lines(rows, width)) assert.isAtMost(CliOutput.displayWidth(line), width)
    }
    assert.match(lines(rows, 40)[1]!, /^x+… /)
    assert.include(lines(rows)[1]!, "x".repeat(200))
  })

  it("keeps columns straight under wide characters", () => {
    const [, first, second] = lines([
      { name: "日本語", count: 1 },
      { name: "abcdef", count: 2 }
    ])
    assert.strictEqual(CliOutput.displayWidth(first!), CliOutput.displayWidth(second!))
  })

  it("lets no value start a line or move the cursor", () => {
    const [, row, ...more] = lines([{ name: "a\nb\u001b[2Jc\r", count: 1 }])
    assert.deepStrictEqual(more, [])
    assert.match(row!, /^a b \[2Jc/)
  })
})

describe("fields", () => {
  it("leaves out what is not known, and indents what has several lines", () => {
    assert.strictEqual(
      fields(
        [
          ["name", "a"],
          ["error", undefined],
          ["result text", "one\ntwo\n"],
          ["empty", ""]
        ],
        plain
      ),
      "name         a\nresult text  one\n             two"
    )
  })
})
