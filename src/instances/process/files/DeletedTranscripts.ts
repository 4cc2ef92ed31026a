/**
 * Removes the transcript archives that OpenClaw keeps of deleted sessions. OpenClaw applies its own retention
 * (`resetArchiveRetention`) only with its cron jobs, as seen with 2026.9.6, so each task would leave a file for ever.
 */
import type { Dirent } from "node:fs"
import { opendir, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"

/** Matches `ID.jsonl.deleted.TIME`, with any suffix that a version adds for compression. */
const archive = /\.jsonl\.deleted\.\d{4}-\d\d-\d\dT/

/** Maximum directory entries of an agent that one sweep reads; the others wait for the next sweep. */
const namesASweep = 20_000

/** Returns `undefined` when the file does not exist or was removed meanwhile. */
const orNothing = async <A>(read: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await read()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw cause
  }
}

const entriesOf = async (directory: string): Promise<ReadonlyArray<Dirent>> => {
  const found: Array<Dirent> = []
  const opened = await orNothing(() => opendir(directory))
  if (opened === undefined) return found
  for await (const entry of opened) {
    found.push(entry)
    if (found.length >= namesASweep) break
  }
  return found
}

const removeOlder = async (sessions: string, before: number): Promise<number> => {
  let removed = 0
  for (const entry of await entriesOf(sessions)) {
    if (!entry.isFile() || !archive.test(entry.name)) continue
    const path = join(sessions, entry.name)
    const found = await orNothing(() => stat(path))
    if (found === undefined || found.mtimeMs >= before) continue
    await orNothing(() => unlink(path))
    removed++
  }
  return removed
}

/**
 * Returns the number of removed archives. `before` is in Unix milliseconds; archives modified since then are kept.
 * Fails on any error of the file system except a missing file.
 */
export const removeDeletedTranscripts = (state: string, before: number): Effect.Effect<number, Error> =>
  Effect.tryPromise({
    try: async () => {
      const agents = join(state, "agents")
      let removed = 0
      for (const agent of await entriesOf(agents)) {
        if (agent.isDirectory()) removed += await removeOlder(join(agents, agent.name, "sessions"), before)
      }
      return removed
    },
    catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
  })
