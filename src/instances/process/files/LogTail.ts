/** Reads the end of a log file, bounded in lines and in bytes. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

const bytesMax = 4 * 1024 * 1024

/** The last `limit` lines within the last 4 MiB. Empty when the file cannot be opened. */
export const tailLines = (path: string, limit: number): ReadonlyArray<string> => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return []
  }
  try {
    const { size } = fstatSync(file)
    const length = Math.min(size, bytesMax)
    const buffer = Buffer.alloc(length)
    const read = readSync(file, buffer, 0, length, size - length)
    const lines = buffer.toString("utf8", 0, read).split("\n")
    if (lines.at(-1) === "") lines.pop()
    if (length < size) lines.shift()
    return limit <= 0 ? [] : lines.slice(-limit)
  } finally {
    closeSync(file)
  }
}
