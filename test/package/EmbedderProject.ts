/**
 * The package as npm packs it, in a project of its own: the one of examples/ledger. The project sees of this
 * repository the unpacked tarball, and of node_modules only what the tarball's own `dependencies` name and the types
 * of Node, so that a file or a dependency that the package lacks is missed here as on anybody's machine. All of it is
 * in a temporary folder, the build too: tests that run at once build nothing over each other.
 */
import { Context, Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../", import.meta.url))
const modules = join(root, "node_modules")
const compiler = join(modules, "typescript", "bin", "tsc")

type Environment = Readonly<Record<string, string>>

/** Runs a program to its end; returns what it wrote to standard output. Dies with all that it wrote when it fails. */
const output = (program: string, args: ReadonlyArray<string>, cwd: string, env: Environment = {}) =>
  Effect.callback<string>((resume) => {
    const child = execFile(
      program,
      args,
      { cwd, env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const said = () => new Error(`${program} ${args.join(" ")}: ${error?.message}\n${stdout}\n${stderr}`)
        resume(error === null ? Effect.succeed(stdout) : Effect.die(said()))
      }
    )
    return Effect.sync(() => void child.kill())
  })

const manifestOf = (directory: string): Record<string, any> =>
  JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))

/** What the package is made of, with the installed modules beside it, so that nothing is built in the work tree. */
const checkout = (directory: string) => {
  mkdirSync(directory)
  const files = [...manifestOf(root)["files"], "src", "package.json", "README.md", "LICENSE"]
  for (const file of [...files, "tsconfig.json", "tsconfig.build.json"]) {
    if (existsSync(join(root, file)) && file !== "dist")
      cpSync(join(root, file), join(directory, file), { recursive: true })
  }
  symlinkSync(modules, join(directory, "node_modules"))
}

/** `npm pack`, which builds, and the tarball unpacked to `target`. */
const pack = Effect.fnUntraced(function* (directory: string, target: string) {
  const from = join(directory, "checkout")
  checkout(from)
  yield* output("npm", ["pack", "--pack-destination", directory], from)
  const tarball = readdirSync(directory).find((name) => name.endsWith(".tgz"))!
  mkdirSync(target, { recursive: true })
  yield* output("tar", ["-xzf", join(directory, tarball), "-C", target, "--strip-components=1"], directory)
})

const link = (project: string, name: string) => {
  const path = join(project, "node_modules", name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(join(modules, name), path)
}

const make = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-package-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const project = join(directory, "project")
  cpSync(join(root, "examples", "ledger"), project, { recursive: true })
  copyFileSync(join(root, "test", "package", "Inferred.ts"), join(project, "src", "Inferred.ts"))
  const installed = join(project, "node_modules", "clawster")
  yield* pack(directory, installed)
  for (const name of [...Object.keys(manifestOf(installed)["dependencies"]), "@types/node"]) link(project, name)
  yield* output(process.execPath, [compiler], project)
  const program = (name: string) => join(project, "dist", `${name}.js`)
  return {
    /** The folder of the package in the project. */
    installed,
    /** What the project's own manifest names. */
    wanted: { ...manifestOf(project)["dependencies"], ...manifestOf(project)["devDependencies"] } as Environment,
    /** The path of a program of the project. */
    program,
    /** Runs one to its end; returns the last JSON that it printed. */
    run: (name: string, args: ReadonlyArray<string> = [], env: Environment = {}): Effect.Effect<any> =>
      Effect.map(output(process.execPath, [program(name), ...args], project, env), (text) =>
        JSON.parse(text.split("\n").findLast((line) => /^[[{]/.test(line)) ?? "null")
      )
  }
})

/** Compiled; gone when the scope closes. Dies when the package cannot be built or the project does not compile. */
export class EmbedderProject extends Context.Service<EmbedderProject, Effect.Success<typeof make>>()(
  "clawster/test/EmbedderProject"
) {
  static readonly layer = Layer.effect(EmbedderProject, make)
}
