/**
 * Keeps files that processes append to from growing for ever: one that is larger than the bound is copied to a file
 * beside it, and emptied. The processes go on writing to it, and need not be told.
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
    // It is not there yet, or the disk is full: the next look will tell.
  }
}

/** Until the scope closes. Each file, and the one before it, take some 32 MiB at most. */
export const watch = (files: ReadonlyArray<string>, most = largestBytes) =>
  Effect.sync(() => {
    for (const file of files) rotate(file, most)
  }).pipe(Effect.repeat(Schedule.spaced(every)), Effect.forkScoped)
