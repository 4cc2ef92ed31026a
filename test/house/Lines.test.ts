/**
 * What a reader takes in at a time is bounded. A function has at most 60 lines of its own: comments, empty lines and
 * the functions written inside it, which are counted by themselves, are left out; so a constructor that lists effects
 * is as short as its list. With them it has at most 200. Comments have at most 120 columns, tables in them apart.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseAst } from "vite"

const own = 60
const whole = 200
const columns = 120

const root = fileURLToPath(new URL("../..", import.meta.url))
const programs = ["src", "bench", "chaos", "soak", "examples", "scripts", "bin"]

const sources = (directories: ReadonlyArray<string>): ReadonlyArray<string> =>
  directories.flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(ts|mts|mjs)$/.test(path) && !path.endsWith(".d.mts"))
      .map((path) => join(directory, path))
  )

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string"

const isFunction = ({ type }: Node) => /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(type)

const childrenOf = (node: Node): ReadonlyArray<Node> => Object.values(node).flat().filter(isNode)

/** The outermost functions below a node. */
const functionsIn = (node: Node): ReadonlyArray<Node> =>
  childrenOf(node).flatMap((child) => (isFunction(child) ? [child] : functionsIn(child)))

/** Lines that have code, by the offset at which they begin. */
const codeLines = (text: string): ReadonlyArray<number> => {
  const starts: Array<number> = []
  let at = 0
  let inComment = false
  for (const line of text.split("\n")) {
    const trimmed = line.trim()
    if (trimmed.startsWith("/*")) inComment = true
    if (trimmed !== "" && !inComment && !trimmed.startsWith("//")) starts.push(at)
    if (trimmed.endsWith("*/")) inComment = false
    at += line.length + 1
  }
  return starts
}

interface Length {
  readonly line: number
  readonly own: number
  readonly whole: number
}

export const lengths = (path: string, text: string): ReadonlyArray<Length> => {
  const starts = codeLines(text)
  const linesOf = ({ end, start }: Node) => starts.filter((at) => at > start && at < end).length + 1
  const measure = (node: Node): ReadonlyArray<Length> => {
    const inner = functionsIn(node)
    // The line on which an inner function begins is its owner's too.
    const ofInner = inner.reduce((sum, each) => sum + linesOf(each) - 1, 0)
    const line = text.slice(0, node.start).split("\n").length
    return [{ line, own: linesOf(node) - ofInner, whole: linesOf(node) }, ...inner.flatMap(measure)]
  }
  return functionsIn(parseAst(text, { lang: "ts" }, path) as unknown as Node).flatMap(measure)
}

const read = (path: string) => readFileSync(join(root, path), "utf8")

describe("what is read at a time", () => {
  it("is measured: a function that is too long, and one whose inner functions are long", () => {
    const statements = (count: number) => Array.from({ length: count }, (_, n) => `  f(${n})`).join("\n")
    const nested = `const a = () => {\n  const b = () => {\n${statements(50)}\n  }\n${statements(50)}\n}`
    assert.deepStrictEqual(lengths("a.ts", nested), [
      { line: 1, own: 53, whole: 104 },
      { line: 2, own: 52, whole: 52 }
    ])
    assert.deepStrictEqual(lengths("a.ts", "/** x */\nfunction a() {\n  // why\n\n  f()\n}"), [
      { line: 2, own: 3, whole: 3 }
    ])
  })

  it("is a function of a screen", () => {
    const long = sources(programs).flatMap((path) =>
      lengths(path, read(path)).flatMap((length) =>
        length.own > own || length.whole > whole
          ? [`${path}:${length.line} has ${length.own} lines, ${length.whole} in all`]
          : []
      )
    )
    assert.deepStrictEqual(long, [])
  })

  it("is a comment that fits the width of the code", () => {
    const wide = sources([...programs, "test"]).flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, n) =>
          line.length > columns && /^\s*(\/\*|\*|\/\/)/.test(line) && !line.includes("|") ? [`${path}:${n + 1}`] : []
        )
    )
    assert.deepStrictEqual(wide, [])
  })
})
