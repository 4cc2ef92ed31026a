/**
 * The committed history, as the store has it: journal rows in commit order. Checks read only this and nothing that an
 * actor reports about itself, and return the violations that they found; an empty list is a pass.
 */
export interface HistoryRow {
  readonly shardId: string
  readonly epoch: number
  /** The highest epoch of the shard that had been granted when the row was committed, where it is available. */
  readonly granted?: number
  readonly entityType: string
  readonly entityId: string
  readonly seq: number
  readonly requestId: string | null
  /** Unix milliseconds. */
  readonly at: number
  readonly events: ReadonlyArray<{ readonly _tag: string; readonly [field: string]: any }>
}

export type History = ReadonlyArray<HistoryRow>

export interface Violation {
  /** For example `I2`. */
  readonly invariant: string
  readonly message: string
}

export type Check = (history: History) => ReadonlyArray<Violation>

/** Receives each row once, in order, and returns the violations that this row caused. */
export type Watch = (row: HistoryRow) => ReadonlyArray<Violation>

/** Runs a whole history through one watch. */
export const checkOf =
  (watch: () => Watch): Check =>
  (history) =>
    history.flatMap(watch())

export const actorOf = ({ entityId, entityType }: Pick<HistoryRow, "entityType" | "entityId">) =>
  `${entityType}/${entityId}`

/** Every event with its row, in order. */
export function* eventsOf(history: History) {
  for (const row of history) for (const event of row.events) yield { event, row }
}
