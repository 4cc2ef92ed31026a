import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Effect, Exit } from "effect"
import { unlock, withFileLock } from "../../src/processes/FileLock.ts"
import { identify } from "../../src/processes/ProcessIdentity.ts"

const lockPath = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-lock-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  ),
  (directory) => join(directory, "lock")
)

describe("FileLock", () => {
  it.live("lets one in at a time, and is free afterwards, also after a failure", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      let inside = 0
      let most = 0
      const work = Effect.gen(function* () {
        most = Math.max(most, (inside += 1))
        yield* Effect.yieldNow
        inside -= 1
        return yield* Effect.fail("failed")
      }).pipe(withFileLock(path), Effect.ignore)
      yield* Effect.all(
        Array.from({ length: 20 }, () => work),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(most, 1)
      assert.isFalse(existsSync(path))
    }).pipe(Effect.scoped)
  )

  it.live("is taken from a holder that is gone, by one waiter at a time", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      const gone = { ...identify(process.pid)!, startedAt: "another process" }
      writeFileSync(path, JSON.stringify(gone))
      let inside = 0
      let most = 0
      const work = Effect.gen(function* () {
        most = Math.max(most, (inside += 1))
        yield* Effect.yieldNow
        inside -= 1
      }).pipe(withFileLock(path))
      yield* Effect.all(
        Array.from({ length: 10 }, () => work),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(most, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is released by its holder alone, and not by another process of the same pid", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      const other = JSON.stringify({ pid: process.pid, startedAt: "another process" })
      yield* Effect.sync(() => writeFileSync(path, other)).pipe(withFileLock(path))
      assert.strictEqual(readFileSync(path, "utf8"), other)
      unlock(path)
      assert.strictEqual(readFileSync(path, "utf8"), other)
      writeFileSync(path, JSON.stringify(identify(process.pid)))
      unlock(path)
      assert.isFalse(existsSync(path))
    }).pipe(Effect.scoped)
  )

  it.live("is not taken from a holder that lives, nor from one that is just writing it", () =>
    Effect.gen(function* () {
      const path = yield* lockPath
      for (const content of [JSON.stringify(identify(process.pid)), ""]) {
        writeFileSync(path, content)
        const exit = yield* Effect.exit(Effect.void.pipe(withFileLock(path, 100)))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(readFileSync(path, "utf8"), content)
      }
      utimesSync(path, 1, 1)
      yield* Effect.void.pipe(withFileLock(path, 1_000))
    }).pipe(Effect.scoped)
  )
})
