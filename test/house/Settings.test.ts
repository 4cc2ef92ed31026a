/** One catalogue of settings: the sources read nothing else, and the README lists nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Catalogue from "../../src/runners/settings/Catalogue.ts"
import * as SettingsTable from "../../src/runners/settings/SettingsTable.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const catalogue = "src/runners/settings/Catalogue.ts"

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join("src", file))

/** Names in quotes: those that are read. In comments and sentences they stand otherwise. */
const namesIn = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/"(CLAWSTER_[A-Z_]+)"/g)].map(([, name]) => name!)

describe("settings", () => {
  it("are in the catalogue, each once, if anything reads them", () => {
    const known = Catalogue.all.map(({ name }) => name)
    assert.deepStrictEqual(
      known.filter((name, index) => known.indexOf(name) !== index),
      []
    )
    const read = new Set(
      sources.filter((file) => file !== catalogue && !file.endsWith("EnvironmentCheck.ts")).flatMap(namesIn)
    )
    read.delete("CLAWSTER_LIFELINE")
    assert.deepStrictEqual(
      [...read].filter((name) => !known.includes(name)),
      []
    )
  })

  it("are what the README's table says", () => {
    assert.include(readFileSync(join(root, "README.md"), "utf8"), `\n${SettingsTable.markdown()}\n`)
  })
})
