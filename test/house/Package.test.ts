/** What `package.json` promises, and the launcher that an older Node starts too. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { command } from "../../src/actor/Protocol.ts"
import * as embedder from "../../src/index.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))
const manifest = read("package.json")

const launch = (directory: string, options: { readonly node?: string } = {}) =>
  spawnSync(options.node ?? process.execPath, [join(directory, "bin/clawster.mjs"), "--version"], {
    encoding: "utf8",
    cwd: tmpdir()
  })

/** A package of a launcher and what it is to start. */
const packaged = (files: Record<string, string>, use: (directory: string) => void) => {
  const directory = mkdtempSync(join(tmpdir(), "package-"))
  try {
    cpSync(join(root, "bin"), join(directory, "bin"), { recursive: true })
    writeFileSync(join(directory, "package.json"), `{"type":"module"}`)
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(directory, file, ".."), { recursive: true })
      writeFileSync(join(directory, file), text)
    }
    use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

describe("package.json", () => {
  it("pins everything exactly and runs nothing at install", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.match(version as string, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    }
    for (const hook of ["preinstall", "install", "postinstall", "prepare"]) assert.notProperty(manifest.scripts, hook)
    assert.strictEqual(manifest.engines.node, ">=22.19")
    assert.notProperty({ ...manifest.dependencies, ...manifest.devDependencies }, "openclaw")
  })

  it("exports files that the build makes", () => {
    for (const [name, target] of Object.entries<{ types: string; default: string } | string>(manifest.exports)) {
      if (typeof target === "string") continue
      const source = target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")
      assert.isTrue(existsSync(join(root, source)), `${name}: ${source}`)
      assert.strictEqual(target.types, target.default.replace(/\.js$/, ".d.ts"))
    }
  })

  it("exports every error with which a command of an embedded actor can fail beside its own", () => {
    const exported = new Set<unknown>(Object.values(embedder))
    const [, ...common] = command("Any", {}).errorSchema.members
    for (const error of common) assert.isTrue(exported.has(error), error.identifier)
  })

  it("has what its README and its documents link to", () => {
    const always = ["package.json", "README.md", "LICENSE"]
    const isIn = (path: string) =>
      [...always, ...manifest.files].some((file: string) => path === file || path.startsWith(`${file}/`))
    const documents = [
      "README.md",
      ...readdirSync(join(root, "docs"))
        .filter((name) => name.endsWith(".md"))
        .map((name) => `docs/${name}`)
    ]
    for (const document of documents) {
      for (const [, target] of readFileSync(join(root, document), "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (/^https?:/.test(target!)) continue
        const path = normalize(join(dirname(document), target!))
        assert.isTrue(existsSync(join(root, path)), `${document}: ${path}`)
        if (document === "README.md") assert.isTrue(isIn(path), `${document}: ${path} is not in the package`)
      }
    }
  })

  it("has scripts that start what is there", () => {
    for (const [name, script] of Object.entries<string>(manifest.scripts)) {
      const file = /^node (\S+)/.exec(script)?.[1]
      if (file !== undefined) assert.isTrue(existsSync(join(root, file)), `${name}: ${file}`)
    }
  })
})

describe("the launcher", () => {
  it("starts the sources of a checkout", () => {
    const { status, stdout } = launch(root)
    assert.deepStrictEqual([status, stdout], [0, `clawster ${manifest.version}\n`])
  })

  it("starts what was built where there are no sources", () => {
    packaged({ "dist/cli/main.js": "console.log('built', process.argv[2])" }, (directory) => {
      assert.strictEqual(launch(directory).stdout, "built --version\n")
    })
  })

  it("says what is missing where there is neither", () => {
    packaged({}, (directory) => {
      const { status, stderr } = launch(directory)
      assert.strictEqual(status, 1)
      assert.match(stderr, /^clawster: neither src nor dist/)
    })
  })

  const old = ["/usr/bin/node", "/usr/local/bin/node"].find(
    (path) =>
      existsSync(path) &&
      Number(spawnSync(path, ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" }).stdout) < 22
  )

  /** Skipped where the machine has no Node below 22: then there is none to refuse. */
  it.skipIf(old === undefined)("takes the checkout's own Node where the machine's is too old", () => {
    const { status, stdout } = launch(root, { node: old! })
    assert.deepStrictEqual([status, stdout], [0, `clawster ${manifest.version}\n`])
    packaged({ "dist/cli/main.js": "" }, (directory) => {
      const { status, stderr } = launch(directory, { node: old! })
      assert.strictEqual(status, 1)
      assert.match(stderr, /needs Node 22\.19 or newer/)
    })
  })
})
