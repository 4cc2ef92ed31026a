/** What an actor with two operations and a table costs, held by a toy that CONTRIBUTING.md lists. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { created, edited, editedTexts } from "../fixtures/ToyActor.ts"

const contributing = readFileSync(new URL("../../CONTRIBUTING.md", import.meta.url), "utf8")

/** The paths in the rows of the section that begin with the word. */
const listed = (word: "create" | "edit"): ReadonlyArray<string> => {
  const [, section = ""] = contributing.split("## Add an actor\n")
  const rows = section
    .split("\n## ", 1)[0]!
    .split("\n")
    .filter((line) => line.startsWith(`| ${word} `))
  return rows.flatMap((row) => [...row.split("|")[2]!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!)).toSorted()
}

/** A path of the toy as the list has it, for an actor X. */
const general = (path: string): string =>
  path
    .replace(/\d{4}_counter/, "NNNN_x")
    .replace(/\/\d+\.\d+\.\d+\//, "/VERSION/")
    .replaceAll("Counter", "X")

describe("an actor with two operations and a table", () => {
  it("takes at most fourteen new files and three edits", () => {
    assert.isAtMost(created.length, 14, created.join("\n"))
    assert.isAtMost(edited.length, 3, edited.join("\n"))
  })

  it("takes the files that CONTRIBUTING.md lists", () => {
    assert.deepStrictEqual(listed("create"), created.map(general).toSorted())
    assert.deepStrictEqual(listed("edit"), edited)
  })

  it("is inserted before lines that are there", () => {
    assert.strictEqual(editedTexts().length, edited.length)
  })
})
