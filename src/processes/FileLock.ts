/**
 * A lock between processes of one host: a file created exclusively, with its holder's identity in it. A lock whose
 * holder is gone is broken, by one breaker at a time, so that two waiters never both take it. The holder's identity has
 * its start time, so that a process which was given the same number since, as the first processes of a restarted
 * container are, is not taken for the holder.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { identify, isAlive, type ProcessIdentity } from "./ProcessIdentity.ts"

/** A process as a file names it. */
export const StoredIdentity: Schema.Codec<ProcessIdentity> = Schema.Struct({
  pid: Schema.Int.check(Schema.isGreaterThan(0)),
  startedAt: Schema.NonEmptyString
})

const retryMillis = 10
const breakerStaleMillis = 5_000

/** Takes the lock if it is free or its holder is gone. Throws when the file cannot be written. */
export const tryLock = (path: string, now: number): boolean => {
  const content = JSON.stringify(identify(process.pid) ?? { pid: process.pid, startedAt: "unknown" })
  if (create(path, content)) return true
  if (!isStale(path, now)) return false
  breakLock(path, now)
  return create(path, content)
}

/** Who has the lock; undefined when nobody has, or it is just being written. */
export const holderOf = (path: string): ProcessIdentity | undefined => {
  try {
    return Option.getOrUndefined(decode(readFileSync(path, "utf8")))
  } catch {
    return undefined
  }
}

/** Gives the lock back, unless another process has it by now. */
export const unlock = (path: string): void => {
  if (holderOf(path)?.pid === process.pid) rmSync(path, { force: true })
}

/**
 * For work of milliseconds: runs `use` while holding the lock. Dies when it cannot be had within `timeoutMillis`: a
 * live holder never holds it that long.
 */
export const withFileLock =
  (path: string, timeoutMillis = 30_000) =>
  <A, E, R>(use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      acquire(path, timeoutMillis),
      () => use,
      () => Effect.sync(() => rmSync(path, { force: true }))
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

/** A lock that does not decode is being written, unless it is old. */
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
      // Another one removed it.
    }
    return
  }
  try {
    if (isStale(path, now)) rmSync(path, { force: true })
  } finally {
    rmSync(breaker, { force: true })
  }
}
