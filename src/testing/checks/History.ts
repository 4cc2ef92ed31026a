/**
 * What really happened, as the store has it: journal rows in the order they were committed. Checkers read this and
 * nothing an actor says of itself, and answer what they found wrong; an empty list is a pass.
 */
export interface HistoryRow {
  readonly shardId: string
  readonly epoch: number
  /** The highest epoch of the shard that had been granted when the row was committed, where that is known. */
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

/** Is shown each row once, in order, and tells at once what that row broke. */
export type Watch = (row: HistoryRow) => ReadonlyArray<Violation>

/** A whole history through one watch. */
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
