/**
 * Decides whether a runner can serve, from its latest samples of itself. A runner that cannot serve is worse than a
 * missing one, because it keeps its shards for as long as it renews its lease. Pure.
 */
import type { Vitals } from "./Vitals.ts"

export interface Sample extends Vitals {
  /** The runner could write its report. */
  readonly wrote: boolean
  /** Another runner wrote its report in the last seconds. */
  readonly othersWrite: boolean
  /** The runner's own actors answered, on every placement that it serves. */
  readonly serves: boolean
  readonly leaseMillis: number
}

/** Fraction of the process's limit on file descriptors. The rest is needed for a graceful shutdown. */
const descriptorsUsed = 0.95
/** Consecutive faulty samples that make a runner unfit. There is one sample per heartbeat. */
const rounds = { descriptors: 3, lag: 5, writes: 4, serves: 4 } as const

type Fault = keyof typeof rounds

export interface Fitness {
  readonly counts: Readonly<Record<Fault, number>>
  /** Why the runner cannot serve; undefined while it can. */
  readonly cause: string | undefined
}

export const fit: Fitness = { counts: { descriptors: 0, lag: 0, writes: 0, serves: 0 }, cause: undefined }

const faultsOf = (sample: Sample): Readonly<Record<Fault, string | undefined>> => {
  const { descriptors, lagMillis, leaseMillis, othersWrite, serves, wrote } = sample
  const isFull = descriptors !== undefined && descriptors.open >= descriptorsUsed * descriptors.most
  return {
    descriptors: isFull ? `${descriptors.open} of its ${descriptors.most} file descriptors are used` : undefined,
    lag: lagMillis >= leaseMillis / 2 ? `its event loop stands still for ${lagMillis} ms at a time` : undefined,
    writes: !wrote && othersWrite ? "it cannot write to the database while other runners can" : undefined,
    /** Counts only when the runner could write: when the store does not answer, actors cannot answer either. */
    serves: !serves && wrote ? "its own actors do not answer it" : undefined
  }
}

/** The fault that this sample shows, if any; it may be transient. */
export const present = (sample: Sample): string | undefined =>
  Object.values(faultsOf(sample)).find((fault) => fault !== undefined)

export const next = (before: Fitness, sample: Sample): Fitness => {
  const faults = faultsOf(sample)
  const count = (fault: Fault): number => (faults[fault] === undefined ? 0 : before.counts[fault] + 1)
  const counts = {
    descriptors: count("descriptors"),
    lag: count("lag"),
    writes: count("writes"),
    serves: count("serves")
  }
  const over = (Object.keys(rounds) as Array<Fault>).find((fault) => counts[fault] >= rounds[fault])
  return { counts, cause: over === undefined ? undefined : faults[over] }
}
