/**
 * The files by which runners and guardians of one host know of an instance's gateway. Each is written whole to a
 * temporary name and renamed, so a reader sees the old or the new one, never a half.
 *
 * `launch.json` says which launch is wanted; a guardian of another one ends its gateway. `process.json` says what runs.
 * `exits/` has how each launch ended. `epoch` holds the highest epoch that ever started or stopped the instance.
 * `lease` is touched by the runner that owns the gateway. `stopping` marks a gateway that was told to stop.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Option, Schema } from "effect"
import { StoredIdentity } from "../../../processes/FileLock.ts"

/** What a guardian is to run. Written by a runner, read by the guardian, which checks nothing else. */
export const Launch = Schema.Struct({
  incarnation: Schema.NonEmptyString,
  command: Schema.NonEmptyArray(Schema.String),
  cwd: Schema.String,
  env: Schema.Record(Schema.String, Schema.String),
  consoleLog: Schema.String,
  port: Schema.Int,
  orphanAfterMillis: Schema.Int,
  killAfterMillis: Schema.Int
})
export type Launch = typeof Launch.Type

/** What a guardian says that it runs. */
export const PidFile = Schema.Struct({
  incarnation: Schema.NonEmptyString,
  port: Schema.Int,
  guardian: StoredIdentity,
  gateway: StoredIdentity
})
export type PidFile = typeof PidFile.Type

export const ExitFile = Schema.Struct({
  incarnation: Schema.NonEmptyString,
  exitCode: Schema.Int,
  /** Why the command could not be run at all. */
  error: Schema.optionalKey(Schema.String)
})
export type ExitFile = typeof ExitFile.Type

const exitsKept = 8

export class InstanceFiles {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  get config(): string {
    return join(this.directory, "config.json")
  }
  get state(): string {
    return join(this.directory, "state")
  }
  get workspace(): string {
    return join(this.directory, "workspace")
  }
  get home(): string {
    return join(this.directory, "home")
  }
  get gatewayLog(): string {
    return join(this.directory, "logs", "gateway.log")
  }
  get consoleLog(): string {
    return join(this.directory, "logs", "console.log")
  }
  get run(): string {
    return join(this.directory, "run")
  }
  get lock(): string {
    return join(this.run, "lock")
  }
  get #token(): string {
    return join(this.directory, "token")
  }

  /** Nobody but this user may read any of it. */
  makeDirectories(): void {
    for (const path of [this.state, this.workspace, this.home, join(this.directory, "logs"), join(this.run, "exits")]) {
      mkdirSync(path, { recursive: true, mode: 0o700 })
    }
    chmodSync(this.directory, 0o700)
  }

  /** The token of the instance, made by `random` on first use. */
  token(random: () => string): string {
    const known = this.readToken()
    if (known !== undefined) return known
    const token = random()
    write(this.#token, token)
    return token
  }

  readToken(): string | undefined {
    const text = read(this.#token)?.trim()
    return text === "" ? undefined : text
  }

  writeConfig(config: unknown): void {
    write(this.config, JSON.stringify(config, null, 2))
  }

  /** The highest epoch seen, 0 for none. */
  get epoch(): number {
    const epoch = Number(read(join(this.run, "epoch")))
    return Number.isSafeInteger(epoch) ? epoch : 0
  }

  writeEpoch(epoch: number): void {
    write(join(this.run, "epoch"), String(epoch))
  }

  get launch(): Launch | undefined {
    return decode(Launch, read(join(this.run, "launch.json")))
  }

  writeLaunch(launch: Launch): void {
    write(join(this.run, "launch.json"), JSON.stringify(launch))
  }

  get pidFile(): PidFile | undefined {
    return decode(PidFile, read(join(this.run, "process.json")))
  }

  /** Forgets this incarnation, unless another one has taken its place. */
  removePidFile(incarnation: string | undefined): void {
    if (this.pidFile?.incarnation !== incarnation) return
    rmSync(join(this.run, "process.json"), { force: true })
    rmSync(join(this.run, "stopping"), { force: true })
  }

  /** A launch writes a console log of its own, so that an earlier one's last lines are not taken for its own. */
  keepConsoleLog(): void {
    if (existsSync(this.consoleLog)) renameSync(this.consoleLog, `${this.consoleLog}.1`)
  }

  exit(incarnation: string): ExitFile | undefined {
    return decode(ExitFile, read(join(this.run, "exits", `${incarnation}.json`)))
  }

  /** Keeps the last eight. */
  pruneExits(): void {
    const exits = join(this.run, "exits")
    readdirSync(exits)
      .map((name) => ({ path: join(exits, name), at: statSync(join(exits, name)).mtimeMs }))
      .toSorted((left, right) => right.at - left.at)
      .slice(exitsKept)
      .forEach(({ path }) => rmSync(path, { force: true }))
  }

  renewLease(now: number): void {
    const lease = join(this.run, "lease")
    try {
      utimesSync(lease, now / 1000, now / 1000)
    } catch {
      write(lease, "")
    }
  }

  get stopping(): boolean {
    return existsSync(join(this.run, "stopping"))
  }

  markStopping(): void {
    write(join(this.run, "stopping"), "")
  }
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const write = (path: string, text: string): void => {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, path)
}

/** A file that does not decode is as good as none: it was written by another version or cut by a full disk. */
const decode = <S extends Schema.Codec<unknown, unknown>>(
  schema: S,
  text: string | undefined
): S["Type"] | undefined =>
  text === undefined
    ? undefined
    : Option.getOrUndefined(Schema.decodeUnknownOption(Schema.fromJsonString(schema))(text))
