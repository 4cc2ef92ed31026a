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

/**
 * Maximum archives of an agent that one sweep removes; the others wait for the next sweep. Names that stay do not
 * count: a directory is read in the same order each time, so those behind a limit on names would never be reached.
 */
const removedASweep = 20_000

/** Returns `undefined` when the file does not exist or was removed meanwhile. */
const orNothing = async <A>(read: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await read()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw cause
  }
}

async function* entriesOf(directory: string): AsyncGenerator<Dirent> {
  const opened = await orNothing(() => opendir(directory))
  if (opened !== undefined) yield* opened
}

const removeOlder = async (sessions: string, before: number): Promise<number> => {
  let removed = 0
  for await (const entry of entriesOf(sessions)) {
    if (!entry.isFile() || !archive.test(entry.name)) continue
    const path = join(sessions, entry.name)
    const found = await orNothing(() => stat(path))
    if (found === undefined || found.mtimeMs >= before) continue
    await orNothing(() => unlink(path))
    if (++removed === removedASweep) break
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
      for await (const agent of entriesOf(agents)) {
        if (agent.isDirectory()) removed += await removeOlder(join(agents, agent.name, "sessions"), before)
      }
      return removed
    },
    catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
  })
