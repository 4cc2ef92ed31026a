/** Reads the memory and CPU use of a process from `/proc`; undefined where the system has none. */
import { readFileSync } from "node:fs"
import { type ProcessIdentity, statFields } from "../../processes/ProcessIdentity.ts"

export interface ProcessSample {
  readonly rssBytes: number
  readonly cpuMillis: number
  readonly uptimeMillis: number
}

const ticksPerSecond = 100

export const sample = ({ pid }: ProcessIdentity): ProcessSample | undefined => {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))
    const rssKilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    const secondsSinceBoot = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0])
    const ticks = (index: number) => Number(fields[index]) / ticksPerSecond
    return {
      rssBytes: Number(rssKilobytes ?? 0) * 1024,
      cpuMillis: (ticks(11) + ticks(12)) * 1000,
      uptimeMillis: Math.max(0, (secondsSinceBoot - ticks(19)) * 1000)
    }
  } catch {
    return undefined
  }
}

/** Share of one core used between two samples, or since the process started when there is no earlier sample. 0 to 1. */
export const cpuShare = (now: ProcessSample, before: ProcessSample | undefined): number => {
  const millis = now.uptimeMillis - (before?.uptimeMillis ?? 0)
  const used = now.cpuMillis - (before?.cpuMillis ?? 0)
  return millis <= 0 ? 0 : Math.min(1, Math.max(0, used / millis))
}
