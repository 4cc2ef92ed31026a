import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { removeDeletedTranscripts } from "../../../../src/instances/process/files/DeletedTranscripts.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-archives-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const now = Date.UTC(2026, 0, 2)

const write = (directory: string, name: string, ageMillis: number) => {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, name), "{}")
  utimesSync(join(directory, name), (now - ageMillis) / 1_000, (now - ageMillis) / 1_000)
}

describe("archives of deleted sessions", () => {
  it.live("go when they are old; younger ones, transcripts and all else stay", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const state = yield* folder
        const main = join(state, "agents", "main", "sessions")
        const other = join(state, "agents", "other", "sessions")
        const hour = 3_600_000
        write(main, "a.jsonl.deleted.2026-01-01T22-00-00.000Z.1f.zst", 2 * hour)
        write(main, "b.jsonl.deleted.2026-01-01T23-59-00.000Z.2f.zst", 60_000)
        write(main, "c.jsonl", 2 * hour)
        write(main, "sessions.sqlite", 2 * hour)
        write(other, "d.jsonl.deleted.2026-01-01T22-00-00.000Z", 2 * hour)
        assert.strictEqual(yield* removeDeletedTranscripts(state, now - hour), 2)
        assert.deepStrictEqual(readdirSync(main).sort(), [
          "b.jsonl.deleted.2026-01-01T23-59-00.000Z.2f.zst",
          "c.jsonl",
          "sessions.sqlite"
        ])
        assert.deepStrictEqual(readdirSync(other), [])
      })
    )
  )

  it.live("go however many files stay beside them", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const state = yield* folder
        const main = join(state, "agents", "main", "sessions")
        mkdirSync(main, { recursive: true })
        for (let n = 0; n < 20_000; n++) writeFileSync(join(main, `${n}.jsonl`), "")
        for (let n = 0; n < 300; n++) writeFileSync(join(main, `${n}.jsonl.deleted.2026-01-01T22-00-00.000Z`), "")
        assert.strictEqual(yield* removeDeletedTranscripts(state, Date.now() + 3_600_000), 300)
      })
    )
  )

  it.live("are none where a gateway has not run yet", () =>
    Effect.scoped(
      Effect.gen(function* () {
        assert.strictEqual(yield* removeDeletedTranscripts(join(yield* folder, "nowhere"), now), 0)
      })
    )
  )
})
