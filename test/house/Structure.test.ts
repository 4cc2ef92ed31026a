/**
 * The shape of the tree. No files import each other in a circle, imports of types counted; a folder holds what one can
 * take in; a name leads to one file; the map in docs/architecture.md shows every folder. Exceptions are listed here,
 * each with its reason, and one that is no longer needed fails too.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const programs = ["src", "test", "bench", "chaos", "soak", "examples", "scripts", "bin", "dashboard"]

const filesAtOneLevel = 15

const crowded: Readonly<Record<string, string>> = {
  "src/shards/migrations": "a file for each migration, in order; released ones are never edited, merged or moved"
}

/** Files of one name, by their folders, and what tells them apart. */
const pairs: ReadonlyArray<readonly [folders: RegExp, reason: string]> = [
  [/^src\/entities, src\/schema$/, "an actor: its data, and its address"],
  [/^src\/gateway\/service(\/\w+)?, src\/rpc\/operations$/, "a noun of the API: its operations, and its use cases"]
]
const namesakes: Readonly<Record<string, string>> = {
  "Api.ts": "the contract of REST; the port of the command line",
  "Database.ts": "the pool of connections; the virtual server of a simulation",
  "DeadMessages.ts": "the port; the check, and checks are called by what they check",
  "Liveness.ts": "of an instance; of a whole cluster, which is checked",
  "Ownership.ts": "the port; the check of it",
  "Tenants.ts": "a noun of the API; the port to what holds for each",
  "doctor.ts": "what examines; the command that prints it",
  "index.ts": "what the package exports as `clawster` and as `clawster/testing`"
}

const listed = (directory: string): ReadonlyArray<string> => {
  try {
    return readdirSync(join(root, directory), { recursive: true, encoding: "utf8", withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  } catch {
    return []
  }
}

const files = programs.flatMap(listed)
const sources = files.filter((path) => /\.(ts|tsx|mts|mjs|js)$/.test(path))

type Graph = ReadonlyMap<string, ReadonlyArray<string>>

const specifier = /(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"]+)"/g

/** The files that a text imports by path: as values, as types, and by `import()`. */
const importsOf = (path: string, text: string): ReadonlyArray<string> =>
  [...text.matchAll(specifier)].map(([, target]) => join(dirname(path), target!))

/** The files that reach themselves again, each with what it imports on the way. */
const circles = (graph: Graph): ReadonlyArray<string> => {
  const reached = new Map<string, ReadonlySet<string>>()
  const reach = (start: string): ReadonlySet<string> => {
    const known = reached.get(start)
    if (known !== undefined) return known
    const seen = new Set<string>()
    const next = [...(graph.get(start) ?? [])]
    while (next.length > 0) {
      const path = next.pop()!
      if (seen.has(path)) continue
      seen.add(path)
      next.push(...(graph.get(path) ?? []))
    }
    reached.set(start, seen)
    return seen
  }
  return [...graph].flatMap(([from, targets]) =>
    targets.filter((to) => to === from || reach(to).has(from)).map((to) => `${from} -> ${to}`)
  )
}

const countByFolder = (paths: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const path of paths) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  return counts
}

describe("imports", () => {
  it("are followed as values, as types and when they are loaded later", () => {
    const text = `import { a } from "./a.ts"\nimport type { B } from "../b.ts"\nexport * from "./c.ts"
const d = import("./d.ts")\nimport "./e.ts"\nimport { f } from "effect"\n// import is a word`
    assert.deepStrictEqual(importsOf("src/x/y.ts", text), [
      "src/x/a.ts",
      "src/b.ts",
      "src/x/c.ts",
      "src/x/d.ts",
      "src/x/e.ts"
    ])
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b", "d"]],
      ["d", []]
    ])
    assert.deepStrictEqual(circles(graph), ["b -> c", "c -> b"])
  })

  it("never run in a circle", () => {
    const graph = new Map(
      sources.map((path) => [path, importsOf(path, readFileSync(join(root, path), "utf8"))] as const)
    )
    assert.deepStrictEqual(circles(graph), [])
  })
})

describe("a folder", () => {
  it(`holds at most ${filesAtOneLevel} files`, () => {
    const over = [...countByFolder(files)].filter(([, count]) => count > filesAtOneLevel).map(([folder]) => folder)
    assert.deepStrictEqual(over.toSorted(), Object.keys(crowded).toSorted())
  })

  it("of src is on the map in docs/architecture.md", () => {
    const map = readFileSync(join(root, "docs/architecture.md"), "utf8")
    const rows = [...map.matchAll(/^\| `([^|]+?)\/` \|(.*)\|$/gm)].map(([, folder, text]) => ({ folder, text }))
    const isShown = (folder: string): boolean => {
      if (rows.some((row) => row.folder === folder)) return true
      for (let above = dirname(folder); above !== "."; above = dirname(above)) {
        const within = `\`${basename(folder)}/\``
        if (rows.some((row) => row.folder === above && row.text!.includes(within))) return true
      }
      return false
    }
    const folders = [...new Set(sources.filter((path) => path.startsWith("src/")).map(dirname))]
      .filter((folder) => folder !== "src")
      .map((folder) => relative("src", folder))
    assert.deepStrictEqual(
      folders.filter((folder) => !isShown(folder) && !/^entities\/[A-Z]\w*$/.test(folder)),
      []
    )
  })
})

describe("a name", () => {
  it("leads to one file of src", () => {
    const byName = new Map<string, Array<string>>()
    for (const path of sources.filter((file) => file.startsWith("src/"))) {
      byName.set(basename(path), [...(byName.get(basename(path)) ?? []), dirname(path)])
    }
    const shared = [...byName]
      .filter(([, folders]) => folders.length > 1)
      .filter(([, folders]) => !pairs.some(([pattern]) => pattern.test(folders.toSorted().join(", "))))
      .map(([name]) => name)
    assert.deepStrictEqual(shared.toSorted(), Object.keys(namesakes).toSorted())
  })

  it("of a folder is not only where things are put", () => {
    const vague = /^(utils?|common|lib|shared|helpers?|misc|core|types|services)$/i
    const folders = [...countByFolder(files).keys()].filter((folder) => vague.test(basename(folder)))
    assert.deepStrictEqual(folders, [])
  })
})
