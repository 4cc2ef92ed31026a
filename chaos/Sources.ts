/**
 * The sources that a process of the campaign runs: this checkout, or an older revision of it in a folder of its own.
 * Their entry points have kept their places: `chaos/runner.ts`, `src/runners/gateway.ts`, `src/runners/migrate.ts`.
 */
import { Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Sources {
  /** What a table or a log calls them. */
  readonly name: string
  readonly root: string
}

const root = fileURLToPath(new URL("../", import.meta.url))

export const present: Sources = { name: "new", root }

export const runnerOf = (sources: Sources) => join(sources.root, "chaos", "runner.ts")
export const gatewayOf = (sources: Sources) => join(sources.root, "src", "runners", "gateway.ts")
export const migrateOf = (sources: Sources) => join(sources.root, "src", "runners", "migrate.ts")

/** This checkout cannot give the revision: it is no clone, a shallow one, or of before the campaign's entry points. */
export class NoSources extends Schema.TaggedError<NoSources>()("NoSources", { message: Schema.String }) {}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>
}

const lockOf = (directory: string): Lock["packages"] =>
  (JSON.parse(readFileSync(join(directory, "package-lock.json"), "utf8")) as Lock).packages

/** Whether everything that the revision locks is installed here in the same version. */
const isInstalledHere = (directory: string): boolean => {
  const here = lockOf(root)
  return Object.entries(lockOf(directory)).every(
    ([path, { version }]) => path === "" || here[path]?.version === version
  )
}

/** The packages of this checkout where they are the ones that the revision locks, else an install of its own. */
const installed = (directory: string): void => {
  if (isInstalledHere(directory)) symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "dir")
  else execFileSync("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: directory, stdio: "ignore" })
}

/** The commit that a name of a revision stands for, when the clone has it. */
export const commitOf = (reference: string): string | undefined => {
  try {
    return execFileSync("git", ["rev-parse", "--verify", "--quiet", "--end-of-options", `${reference}^{commit}`], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return undefined
  }
}

/** The sources of a revision, with their packages, in a temporary folder that is removed when the scope closes. */
export const checkout = Effect.fnUntraced(function* (reference: string) {
  const commit = commitOf(reference)
  if (commit === undefined) {
    return yield* new NoSources({ message: `${reference} is no revision that this checkout has` })
  }
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-older-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  yield* Effect.try({
    try: () => {
      const archive = execFileSync("git", ["archive", "--format=tar", commit], { cwd: root, maxBuffer: 2 ** 28 })
      execFileSync("tar", ["-x", "-C", directory], { input: archive })
      installed(directory)
    },
    catch: (error) => new NoSources({ message: `${reference} could not be set up: ${String(error)}` })
  })
  const sources: Sources = { name: commit.slice(0, 7), root: directory }
  if (![runnerOf, gatewayOf, migrateOf].every((entryOf) => existsSync(entryOf(sources)))) {
    return yield* new NoSources({ message: `${reference} is of before the entry points that the campaign starts` })
  }
  return sources
})
