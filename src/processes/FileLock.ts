/**
 * A lock between processes of one host: a file created exclusively that contains its holder's identity. A lock whose
 * holder has ended is broken, by one process at a time, so that two waiters never both take it. The identity includes
 * the start time: a later process with the same pid, such as the first processes of a restarted container, is not
 * mistaken for the holder.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { identify, isAlive, type ProcessIdentity } from "./ProcessIdentity.ts"

/** The identity of a process as it is written to a file. */
export const StoredIdentity: Schema.Codec<ProcessIdentity> = Schema.Struct({
  pid: Schema.Int.check(Schema.isGreaterThan(0)),
  startedAt: Schema.NonEmptyString
})

const retryMillis = 10
const breakerStaleMillis = 5_000

let ownIdentity: ProcessIdentity | undefined

/** This process, always the same, so that it recognises its own locks. */
const own = (): ProcessIdentity => (ownIdentity ??= identify(process.pid) ?? { pid: process.pid, startedAt: "unknown" })

/** Takes the lock if it is free or its holder has ended. Throws when the file cannot be written. */
export const tryLock = (path: string, now: number): boolean => {
  const content = JSON.stringify(own())
  if (create(path, content)) return true
  if (!isStale(path, now)) return false
  breakLock(path, now)
  return create(path, content)
}

/** The lock's holder; undefined when it is free or the file is just being written. */
export const holderOf = (path: string): ProcessIdentity | undefined => {
  try {
    return Option.getOrUndefined(decode(readFileSync(path, "utf8")))
  } catch {
    return undefined
  }
}

/** Releases the lock, unless another process has taken it meanwhile. */
export const unlock = (path: string): void => {
  const holder = holderOf(path)
  const { pid, startedAt } = own()
  if (holder?.pid === pid && holder.startedAt === startedAt) rmSync(path, { force: true })
}

/**
 * For critical sections of milliseconds: runs `use` while holding the lock. Dies when the lock cannot be taken within
 * `timeoutMillis`, because a live holder never holds it that long.
 */
export const withFileLock =
  (path: string, timeoutMillis = 30_000) =>
  <A, E, R>(use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      acquire(path, timeoutMillis),
      () => use,
      () => Effect.sync(() => unlock(path))
    )

const acquire = Effect.fnUntraced(function* (path: string, timeoutMillis: number) {
  const deadline = (yield* Clock.currentTimeMillis) + timeoutMillis
  while (!tryLock(path, yield* Clock.currentTimeMillis)) {
    if ((yield* Clock.currentTimeMillis) >= deadline) {
      return yield* Effect.die(new Error(`the lock ${path} was not free within ${timeoutMillis} ms`))
    }
    yield* Effect.sleep(retryMillis)
  }
})

const create = (path: string, content: string): boolean => {
  try {
    const file = openSync(path, "wx", 0o600)
    writeSync(file, content)
    closeSync(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(StoredIdentity))

/** A lock that does not decode is still being written, and is stale only when it is older than 5 s. */
const isStale = (path: string, now: number): boolean => {
  try {
    const holder = Option.getOrUndefined(decode(readFileSync(path, "utf8")))
    return holder === undefined ? now - statSync(path).mtimeMs > breakerStaleMillis : !isAlive(holder)
  } catch {
    return false
  }
}

const breakLock = (path: string, now: number): void => {
  const breaker = `${path}.break`
  if (!create(breaker, "")) {
    try {
      if (now - statSync(breaker).mtimeMs > breakerStaleMillis) rmSync(breaker, { force: true })
    } catch {
      // Another process removed it.
    }
    return
  }
  try {
    if (isStale(path, now)) rmSync(path, { force: true })
  } finally {
    rmSync(breaker, { force: true })
  }
}
