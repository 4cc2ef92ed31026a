/** Stops `up` when the npm process that started it is gone: npm forwards signals, but cannot when it is killed. */
import { readFileSync } from "node:fs"
import { identify, isAlive, type ProcessIdentity, statFields } from "../../processes/ProcessIdentity.ts"

const lookEveryMillis = 1_000
/** Number of ancestors examined: npm, and shells in between. */
const generations = 3

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const npmAbove = (): ProcessIdentity | undefined => {
  let pid = process.ppid
  for (let generation = 0; generation < generations && pid > 1; generation++) {
    if (/^npm(\s|\0|$)/.test(read(`/proc/${pid}/cmdline`))) return identify(pid)
    pid = Number(statFields(read(`/proc/${pid}/stat`))[1] ?? 0)
  }
  return undefined
}

/** Stops this process in order when the npm process that started it no longer exists. Linux only. */
export const endWithNpm = (): void => {
  if (process.env["npm_lifecycle_event"] === undefined) return
  const npm = npmAbove()
  if (npm === undefined) return
  const timer = setInterval(() => {
    if (isAlive(npm)) return
    clearInterval(timer)
    process.kill(process.pid, "SIGTERM")
  }, lookEveryMillis)
  timer.unref()
}
