/**
 * A lock between processes of one host, for work of milliseconds: a file created exclusively, with its holder's identity
 * in it. A lock whose holder is gone is broken, by one breaker at a time, so that two waiters never both take it.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { StoredIdentity } from "./PidFile.ts"
import { identify, isAlive } from "./ProcessIdentity.ts"

const retryMillis = 10
const breakerStaleMillis = 5_000

/** Runs `use` while holding the lock. Dies when it cannot be had within `timeoutMillis`: a live holder never holds it that long. */
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
  while (!create(path, JSON.stringify(identify(process.pid) ?? { pid: process.pid, startedAt: "unknown" }))) {
    const now = yield* Clock.currentTimeMillis
    if (now >= deadline) return yield* Effect.die(new Error(`the lock ${path} was not free within ${timeoutMillis} ms`))
    if (isStale(path, now)) breakLock(path, now)
    else yield* Effect.sleep(retryMillis)
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
