/**
 * Whether a runner can serve, by what it has seen of itself in the last rounds. A runner that cannot is worse than
 * none: it keeps its shards for as long as it renews its lease. Pure.
 */
import type { Vitals } from "./Vitals.ts"

export interface Sample extends Vitals {
  /** It could write what it has to say. */
  readonly wrote: boolean
  /** Another runner wrote in the last seconds. */
  readonly othersWrite: boolean
  /** Its own actors answered, on every placement it serves. */
  readonly serves: boolean
  readonly leaseMillis: number
}

/** A share of the descriptors that a process may have. What is left is needed to stop in order. */
const descriptorsUsed = 0.95
/** Rounds in a row. One round is one heartbeat. */
const rounds = { descriptors: 3, lag: 5, writes: 4, serves: 4 } as const

type Fault = keyof typeof rounds

export interface Fitness {
  readonly counts: Readonly<Record<Fault, number>>
  /** Why it cannot serve; undefined while it can. */
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
    /** Where the store does not answer anybody, its actors cannot either. */
    serves: !serves && wrote ? "its own actors do not answer it" : undefined
  }
}

/** What is wrong with it right now, though it may pass. */
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
