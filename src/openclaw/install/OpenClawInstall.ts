/**
 * Installs the managed OpenClaw: one exact version under `<directory>/<version>`, installed once with npm on a Node
 * that OpenClaw accepts, and shared by all gateways. npm writes to a draft folder, which is renamed into place when it
 * is complete, so an install is complete or absent, also after a crash and when several processes race. Package scripts
 * are not run; OpenClaw works without them.
 */
import { Clock, Duration, Effect, FileSystem, Option, Path, Ref, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { delimiter } from "node:path"
import { tryLock, unlock } from "../../processes/FileLock.ts"
import * as NodeBinary from "./NodeBinary.ts"

export const defaultVersion = "2026.9.6"

export interface OpenClaw {
  readonly version: string
  /** The Node binary to run it with. */
  readonly nodePath: string
  /** Absolute path of `openclaw.mjs`; run as `nodePath entry gateway run`. */
  readonly entry: string
}

/** OpenClaw could not be installed; `message` says what to do. */
export class OpenClawInstallError extends Schema.TaggedError<OpenClawInstallError>()("OpenClawInstallError", {
  reason: Schema.Literals([
    "InvalidVersion",
    "UnknownVersion",
    "NoNode",
    "NoNpm",
    "NoNetwork",
    "DiskFull",
    "NotWritable",
    "TimedOut",
    "Failed"
  ]),
  version: Schema.String,
  message: Schema.String
}) {}

export interface InstallOptions {
  /** An exact version; 2026.9.6 by default. */
  readonly version?: string
  /** Holds one folder per version; callers use `.clawster/openclaw` by default. */
  readonly directory: string
  /** Called with lines of progress, at most a few per second; not called when the version is already installed. */
  readonly onProgress?: (line: string) => Effect.Effect<void>
}

type Services = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner

interface Target {
  readonly version: string
  readonly directory: string
  readonly nodePath: string
  readonly tell: (line: string) => Effect.Effect<void>
}

const deadline = Duration.minutes(15)
const packages = 330
const packagesPerLine = 40
const keptLines = 40
const draftPrefix = ".installing-"
const brokenPrefix = ".broken-"
const Marker = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

/**
 * Installs the version unless it is there, and returns how to run it. An install takes about half a minute and 650 MB,
 * and fails with `TimedOut` after 15 minutes.
 */
export const ensure = Effect.fn("OpenClawInstall.ensure")(function* (
  options: InstallOptions
): Effect.fn.Return<OpenClaw, OpenClawInstallError, Services> {
  const version = options.version ?? defaultVersion
  const path = yield* Path.Path
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
    return yield* failure("InvalidVersion", version, `"${version}" is not an exact version such as ${defaultVersion}`)
  }
  const nodePath = yield* NodeBinary.find.pipe(Effect.mapError((error) => failure("NoNode", version, error.message)))
  const directory = path.resolve(options.directory)
  const target: Target = { version, directory, nodePath, tell: options.onProgress ?? (() => Effect.void) }
  const openclaw = { version, nodePath, entry: entryOf(path, path.join(directory, version)) }
  if (yield* isInstalled(target)) return openclaw
  yield* Effect.scoped(install(target)).pipe(
    Effect.timeoutOrElse({
      duration: deadline,
      orElse: () => failure("TimedOut", version, "npm did not end within 15 minutes. Is the network slow? Try again")
    })
  )
  return openclaw
})

/** The version if it is already installed; installs nothing. */
export const installed = Effect.fnUntraced(function* (options: InstallOptions) {
  const version = options.version ?? defaultVersion
  const path = yield* Path.Path
  const nodePath = yield* Effect.option(NodeBinary.find)
  const directory = path.resolve(options.directory)
  if (Option.isNone(nodePath)) return Option.none<OpenClaw>()
  const found = { version, directory, nodePath: nodePath.value, tell: () => Effect.void }
  return (yield* isInstalled(found))
    ? Option.some<OpenClaw>({ version, nodePath: nodePath.value, entry: entryOf(path, path.join(directory, version)) })
    : Option.none<OpenClaw>()
})

const entryOf = (path: Path.Path, root: string) => path.join(root, "node_modules", "openclaw", "openclaw.mjs")

const isInstalled = Effect.fnUntraced(function* (target: Target) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.join(target.directory, target.version)
  const marker = yield* fs
    .readFileString(path.join(root, "installed.json"))
    .pipe(Effect.flatMap(Schema.decodeEffect(Marker)), Effect.option)
  const entry = yield* Effect.orElseSucceed(fs.exists(entryOf(path, root)), () => false)
  return Option.isSome(marker) && marker.value.version === target.version && entry
})

const install = Effect.fnUntraced(function* (target: Target) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { directory, tell, version } = target
  yield* Effect.mapError(fs.makeDirectory(directory, { recursive: true }), notWritable(target))
  yield* lock(target)
  if (yield* isInstalled(target)) return
  const started = yield* Clock.currentTimeMillis
  yield* tell(`Installing openclaw@${version} with npm, once (about ${packages} packages, 650 MB)`)
  yield* removeDrafts(target)
  const draft = yield* Effect.mapError(
    fs.makeTempDirectoryScoped({ directory, prefix: draftPrefix }),
    notWritable(target)
  )
  yield* npm(target, draft)
  if (!(yield* Effect.orElseSucceed(fs.exists(entryOf(path, draft)), () => false))) {
    return yield* failure("Failed", version, "npm ended without an error, but openclaw.mjs is not there. Try again")
  }
  yield* Effect.gen(function* () {
    yield* fs.chmod(draft, 0o755)
    yield* fs.writeFileString(path.join(draft, "installed.json"), JSON.stringify({ version }))
  }).pipe(Effect.mapError(notWritable(target)))
  yield* moveInto(target, draft)
  yield* tell(`Installed openclaw@${version} in ${Math.round(((yield* Clock.currentTimeMillis) - started) / 1000)} s`)
})

/**
 * Removes what killed installs left behind. The holder of the lock is the only process that installs, so nothing
 * removed here is in use.
 */
const removeDrafts = Effect.fnUntraced(function* (target: Target) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* Effect.orElseSucceed(fs.readDirectory(target.directory), () => [])
  const left = names.filter((name) => name.startsWith(draftPrefix) || name.startsWith(brokenPrefix))
  yield* Effect.forEach(left, (name) =>
    Effect.ignore(fs.remove(path.join(target.directory, name), { recursive: true }))
  )
})

/**
 * Renames the finished draft into place. A complete install that another process put there first is kept; an incomplete
 * one is moved away.
 */
const moveInto = Effect.fnUntraced(function* (target: Target, draft: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.join(target.directory, target.version)
  yield* fs.rename(draft, root).pipe(
    Effect.catch(() =>
      Effect.gen(function* () {
        if (yield* isInstalled(target)) return
        const broken = yield* fs.makeTempDirectoryScoped({ directory: target.directory, prefix: brokenPrefix })
        yield* fs.rename(root, path.join(broken, target.version))
        yield* fs.rename(draft, root)
      })
    ),
    Effect.mapError(notWritable(target))
  )
})

/** Exit code of a shell when the command does not exist (POSIX, "Exit Status for Commands"). */
const commandNotFound = 127

/** Runs a command, and kills it when the process that started it exits, which closes the pipe to its standard input. */
const whileHeld = `
exec 3<&0
"$@" </dev/null &
pid=$!
trap 'kill "$pid" 2>/dev/null' TERM INT HUP
(read -r _ <&3; kill "$pid" 2>/dev/null) >/dev/null 2>&1 &
watch=$!
wait "$pid"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`

const npm = Effect.fnUntraced(function* (target: Target, draft: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const path = yield* Path.Path
  const { nodePath, version } = target
  const command = ChildProcess.make(
    "/bin/sh",
    [
      "-c",
      whileHeld,
      "clawster-npm",
      "npm",
      "install",
      `openclaw@${version}`,
      ...["--prefix", draft, "--no-global", "--ignore-scripts", "--omit=dev"],
      ...["--no-audit", "--no-fund", "--no-progress", "--loglevel=http"]
    ],
    {
      cwd: draft,
      stdin: "pipe",
      extendEnv: true,
      env: { PATH: [path.dirname(nodePath), process.env["PATH"] ?? ""].join(delimiter) }
    }
  )
  const noNpm = (why: string) =>
    failure("NoNpm", version, `npm cannot be started. Install it, or put it on PATH, and try again (${why})`)
  const handle = yield* Effect.mapError(spawner.spawn(command), ({ message }) => noNpm(message))
  const fetched = yield* Ref.make(0)
  const tail = yield* handle.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.tap((line) => report(target, fetched, line)),
    Stream.runFold(
      (): ReadonlyArray<string> => [],
      (lines, line) => [...lines, line].slice(-keptLines)
    ),
    Effect.orElseSucceed((): ReadonlyArray<string> => [])
  )
  const code = yield* Effect.orElseSucceed(handle.exitCode, () => -1)
  if (code === commandNotFound) return yield* noNpm("command not found")
  if (code !== 0) return yield* explain(target, tail.filter((line) => !line.startsWith("npm http")).join("\n"))
})

const report = Effect.fnUntraced(function* (target: Target, fetched: Ref.Ref<number>, line: string) {
  if (!/^npm http (fetch|cache)/.test(line)) return
  const count = yield* Ref.updateAndGet(fetched, (before) => before + 1)
  if (count % packagesPerLine === 0) yield* target.tell(`npm has asked for ${count} files`)
})

const explain = (target: Target, output: string): OpenClawInstallError => {
  const { directory, version } = target
  const end = output.slice(-1500)
  if (/ENOSPC/.test(output)) return failure("DiskFull", version, `The disk of ${directory} is full; 1 GB is needed`)
  if (/E404|ETARGET|notarget/.test(output)) {
    return failure("UnknownVersion", version, `The npm registry has no openclaw@${version}. Check the version`)
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
    return failure(
      "NoNetwork",
      version,
      `npm cannot reach its registry. Check the network or proxy, then try again\n${end}`
    )
  }
  if (/EACCES|EPERM|EROFS/.test(output)) return failure("NotWritable", version, `npm cannot write ${directory}\n${end}`)
  return failure("Failed", version, `npm could not install openclaw@${version}\n${end}`)
}

/**
 * Allows one install at a time. A lock whose process has exited is taken over; the rename is safe even without a lock.
 */
const lock = Effect.fnUntraced(function* (target: Target) {
  const path = yield* Path.Path
  const file = path.join(target.directory, ".installing.lock")
  let told = false
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    const taken = yield* Effect.try({
      try: () => tryLock(file, now),
      catch: (error) => notWritable(target)(error as Error)
    })
    if (taken) break
    if (!told) yield* target.tell("Another process is installing OpenClaw; waiting for it")
    told = true
    yield* Effect.sleep("500 millis")
    if (yield* isInstalled(target)) return
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => unlock(file)))
})

const notWritable = (target: Target) => (error: { readonly message: string }) =>
  failure("NotWritable", target.version, `Cannot write ${target.directory}: ${error.message}. Choose another folder`)

const failure = (reason: OpenClawInstallError["reason"], version: string, message: string): OpenClawInstallError =>
  new OpenClawInstallError({ reason, version, message })
