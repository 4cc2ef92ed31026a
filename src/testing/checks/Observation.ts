/**
 * What a watcher of a simulated run looks at: the journal, the store, what clients were told and what was done to the
 * cluster.
 */
import type { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import type { FaultRecord } from "../faults/FaultInjector.ts"
import type { RunnerRow, ShardRow, StoredRow } from "../store/Database.ts"
import type { Watch, Violation } from "./History.ts"

/** One call of a client, as the client saw it. Times are virtual milliseconds. */
export interface Call {
  /** `<type>/<id>` */
  readonly actor: string
  readonly command: string
  readonly requestId: string | undefined
  /** What the answer must be in the state that was read; absent for calls that change something. */
  readonly reads: ((state: unknown) => unknown) | undefined
  /** A success must have been committed under the request id. */
  readonly changes: boolean
  readonly begunAt: number
  endedAt: number | undefined
  /** `unknown`: no answer in time; it may or may not have happened. */
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
  /** Since when nothing is wrong; undefined while something is. */
  readonly quietSince: number | undefined
  readonly history: ReadonlyArray<StoredRow>
  /** What was committed since the last look. */
  readonly fresh: ReadonlyArray<StoredRow>
  readonly store: MemoryStore["Service"]
  readonly shards: ReadonlyMap<string, ShardRow>
  readonly runners: ReadonlyMap<string, RunnerRow>
  readonly calls: ReadonlyArray<Call>
  readonly faults: ReadonlyArray<FaultRecord>
  /** The last look: all has healed and come to rest. */
  readonly end: boolean
}

/** Looks every virtual second and once at the end, and tells what has gone wrong since its last look. */
export type Watcher = (observation: Observation) => ReadonlyArray<Violation>

export const rowByRow = (make: () => Watch) => (): Watcher => {
  const watch = make()
  return ({ fresh }) => fresh.flatMap(watch)
}
