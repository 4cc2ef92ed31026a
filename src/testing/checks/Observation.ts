/**
 * What a watcher of a simulated run observes: the journal, the store, the answers that clients received, and the
 * injected faults.
 */
import type { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import type { FaultRecord } from "../faults/FaultInjector.ts"
import type { RunnerRow, ShardRow, StoredRow } from "../store/Database.ts"
import type { Watch, Violation } from "./History.ts"

/** One call from a client's view. Times are virtual milliseconds. */
export interface Call {
  /** `<type>/<id>` */
  readonly actor: string
  readonly command: string
  readonly requestId: string | undefined
  /** Computes the correct answer from the state that was read; absent for calls that change something. */
  readonly reads: ((state: unknown) => unknown) | undefined
  /** Whether a success must have been committed under the request id. */
  readonly changes: boolean
  readonly begunAt: number
  endedAt: number | undefined
  /** `Unknown`: no answer in time; the call may or may not have taken effect. */
  outcome:
    | { readonly _tag: "Success"; readonly value: unknown }
    | { readonly _tag: "Failure"; readonly error: unknown }
    | { readonly _tag: "Unknown" }
    | undefined
}

export interface Observation {
  readonly now: number
  /** Unix milliseconds at virtual time 0. */
  readonly epoch: number
  /** Virtual milliseconds since which all faults have healed; undefined while one is active. */
  readonly quietSince: number | undefined
  readonly history: ReadonlyArray<StoredRow>
  /** The rows that were committed since the last observation. */
  readonly fresh: ReadonlyArray<StoredRow>
  readonly store: MemoryStore["Service"]
  readonly shards: ReadonlyMap<string, ShardRow>
  readonly runners: ReadonlyMap<string, RunnerRow>
  /** Virtual milliseconds since which each placement has had a machine. One without machines cannot do its work. */
  readonly servedSince: ReadonlyMap<string, number>
  readonly calls: ReadonlyArray<Call>
  readonly faults: ReadonlyArray<FaultRecord>
  /** Whether this is the last observation: all faults have healed and the cluster is at rest. */
  readonly end: boolean
}

/** Called every virtual second and once at the end; returns the violations since its last call. */
export type Watcher = (observation: Observation) => ReadonlyArray<Violation>

export const rowByRow = (make: () => Watch) => (): Watcher => {
  const watch = make()
  return ({ fresh }) => fresh.flatMap(watch)
}
