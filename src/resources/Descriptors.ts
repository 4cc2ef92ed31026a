/** The file descriptors of this process. */
import { readdirSync, readFileSync } from "node:fs"

export interface Descriptors {
  readonly open: number
  /** How many this process may open. */
  readonly most: number
}

/**
 * Looks up the limit and returns a function that counts. Counting needs a descriptor itself: when none can be opened,
 * all are in use. Undefined where the operating system does not report them.
 */
export const watchDescriptors = (): (() => Descriptors) | undefined => {
  const most = limit()
  return most === undefined ? undefined : () => ({ open: count(most), most })
}

const limit = (): number | undefined => {
  try {
    const most = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    return most === undefined ? undefined : Number(most)
  } catch {
    return undefined
  }
}

const count = (most: number): number => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === "EMFILE" || code === "ENFILE" ? most : 0
  }
}
