/**
 * Bounds the size of log files that processes append to: a file above the limit is copied to a second file and
 * truncated. The processes continue to write to the same file and need no notification.
 */
import { Effect, Schedule } from "effect"
import { copyFileSync, statSync, truncateSync } from "node:fs"

const largestBytes = 16 * 1024 * 1024
const every = "10 seconds"

export const rotate = (file: string, most: number): void => {
  try {
    if (statSync(file).size <= most) return
    copyFileSync(file, `${file}.1`)
    truncateSync(file)
  } catch {
    // The file does not exist yet, or the disk is full: the next check tries again.
  }
}

/** Checks the files until the scope closes. Each file and its copy use about 32 MiB at most. */
export const watch = (files: ReadonlyArray<string>, most = largestBytes) =>
  Effect.sync(() => {
    for (const file of files) rotate(file, most)
  }).pipe(Effect.repeat(Schedule.spaced(every)), Effect.forkScoped)
