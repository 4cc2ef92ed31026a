/**
 * The head of an ordered set of rows that may be far longer than memory. `entries` holds every row up to `horizon`;
 * `tail` counts the rows behind it. When few entries are left and the tail is not empty, `refill` is set: an activity
 * reads the next page and reports it by `refilled`.
 *
 * Rows may be added to the tail while a page is being read. `refill.floor` is the lowest place of the rows added since
 * the read was requested, and the page counts only up to it, so no row is passed over. A read that was invalidated by
 * rows leaving the tail carries an old `seq` and is ignored. `tail` is never less than the number of rows behind the
 * horizon. It may be more (a task id submitted twice has one row); the last page corrects it.
 *
 * A gap is made when the held entries are stuck: those up to `gap.from` are kept, those behind it are dropped from
 * memory to look for others further back, and `gap.skipped` counts the dropped ones. `rewind` resumes reading at the
 * gap, and so does every change that moves the horizon back to it: the next read then includes the skipped rows. At
 * most `lookahead` rows are skipped.
 */
import { Schema } from "effect"
import { comparePlaces, firstPlace, type Place } from "./Rank.ts"

const PlaceSchema = Schema.Struct({ order: Schema.Finite, taskId: Schema.String })

export const windowSchema = <Entry extends Schema.Top>(entry: Entry) =>
  Schema.Struct({
    entries: Schema.Array(entry),
    weight: Schema.Finite,
    tail: Schema.Int,
    horizon: Schema.NullOr(PlaceSchema),
    gap: Schema.NullOr(Schema.Struct({ from: PlaceSchema, skipped: Schema.Int })),
    refill: Schema.NullOr(Schema.Struct({ seq: Schema.Int, floor: Schema.NullOr(PlaceSchema) })),
    seq: Schema.Int,
    taken: Schema.Int
  })

export interface Window<Entry> {
  /** Ordered; each place occurs once. */
  readonly entries: ReadonlyArray<Entry>
  readonly weight: number
  readonly tail: number
  /** Null when no row is outside memory. */
  readonly horizon: Place | null
  readonly gap: { readonly from: Place; readonly skipped: number } | null
  readonly refill: { readonly seq: number; readonly floor: Place | null } | null
  /** Incremented whenever a page that is being read must not count. */
  readonly seq: number
  /**
   * Incremented whenever rows outside memory are loaded or removed. While it is unchanged, each of them still waits in
   * its place.
   */
  readonly taken: number
}

export const empty: Window<never> = {
  entries: [],
  weight: 0,
  tail: 0,
  horizon: null,
  gap: null,
  refill: null,
  seq: 0,
  taken: 0
}

export interface Bounds<Entry> {
  readonly placeOf: (entry: Entry) => Place
  readonly weightOf: (entry: Entry) => number
  readonly entriesMax: number
  readonly weightMax: number
  readonly lookahead: number
}

export interface Ops<Entry> {
  /**
   * Adds a row that is new or that the caller holds. It is kept in memory when it belongs to the head, otherwise
   * counted.
   */
  readonly place: (window: Window<Entry>, entry: Entry) => Window<Entry>
  /** Counts a row that is not in memory, and may not exist. */
  readonly count: (window: Window<Entry>, place: Place) => Window<Entry>
  readonly remove: (window: Window<Entry>, taskId: string) => Window<Entry>
  /** Removes a row that is not in memory from the count. */
  readonly removeCounted: (window: Window<Entry>, place: Place) => Window<Entry>
  readonly refilled: (window: Window<Entry>, seq: number, page: ReadonlyArray<Entry>, end: boolean) => Window<Entry>
  readonly maySkip: (window: Window<Entry>) => boolean
  readonly skip: (window: Window<Entry>) => Window<Entry>
  readonly rewind: (window: Window<Entry>) => Window<Entry>
}

/** Number of all rows, in memory or not. */
export const size = (window: Window<unknown>): number =>
  window.entries.length + window.tail + (window.gap?.skipped ?? 0)

export const unheld = (window: Window<unknown>): number => window.tail + (window.gap?.skipped ?? 0)

export const find = <Entry>(
  window: Window<Entry>,
  bounds: Pick<Bounds<Entry>, "placeOf">,
  taskId: string
): Entry | undefined => window.entries.find((entry) => bounds.placeOf(entry).taskId === taskId)

export const make = <Entry>(bounds: Bounds<Entry>): Ops<Entry> => {
  const { entriesMax, lookahead, placeOf, weightMax, weightOf } = bounds
  const weigh = (entries: ReadonlyArray<Entry>) => entries.reduce((sum, entry) => sum + weightOf(entry), 0)

  /** Number of entries at or before the place. */
  const indexAfter = (entries: ReadonlyArray<Entry>, place: Place): number => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePlaces(placeOf(entries[middle]!), place) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether the entries in front of a gap are so few, and so light, that it is time to rewind. */
  const isThin = (front: ReadonlyArray<Entry>): boolean =>
    front.length < entriesMax / 16 && weigh(front) < weightMax / 16

  /**
   * Number of entries that a skip keeps: those in front of the gap. When there is none yet, half of the entries, or
   * more until they are not thin.
   */
  const kept = ({ entries, gap }: Window<Entry>): number => {
    if (gap !== null) return indexAfter(entries, gap.from)
    let keep = entries.length >>> 1
    while (keep < entries.length && isThin(entries.slice(0, keep))) keep++
    return keep
  }

  /** Whether another page fits, or no entries are left to try behind the gap. */
  const isLow = (window: Window<Entry>): boolean =>
    (window.entries.length <= entriesMax / 2 && window.weight <= weightMax / 2) ||
    (window.gap !== null && kept(window) === window.entries.length)

  const arm = (window: Window<Entry>): Window<Entry> => {
    if (window.tail <= 0) {
      return { ...window, tail: 0, refill: null, horizon: window.gap === null ? null : window.horizon }
    }
    if (window.refill !== null || !isLow(window)) return window
    return { ...window, refill: { seq: window.seq, floor: null } }
  }

  const voidRefill = (window: Window<Entry>): Window<Entry> => arm({ ...window, refill: null, seq: window.seq + 1 })

  /**
   * Drops all entries from `index` on. The next read begins behind the last entry kept, or behind `start` when none is.
   */
  const cut = (window: Window<Entry>, index: number, start: Place): Window<Entry> => {
    const entries = window.entries.slice(0, index)
    const last = entries.at(-1)
    const horizon = last === undefined ? start : placeOf(last)
    const { gap } = window
    const isUndone = gap !== null && comparePlaces(horizon, gap.from) <= 0
    return {
      ...window,
      entries,
      weight: weigh(entries),
      tail: window.tail + window.entries.length - index + (isUndone ? gap.skipped : 0),
      horizon,
      gap: isUndone ? null : gap
    }
  }

  const trim = (window: Window<Entry>): Window<Entry> => {
    if (window.entries.length <= entriesMax && (window.weight <= weightMax || window.entries.length <= 1)) return window
    const { entries } = window
    let keep = entries.length
    let weight = window.weight
    while (keep > 1 && (keep > entriesMax || weight > weightMax)) weight -= weightOf(entries[--keep]!)
    return voidRefill(cut(window, keep, firstPlace))
  }

  const rewind = (window: Window<Entry>): Window<Entry> => {
    const { gap } = window
    return gap === null ? window : voidRefill(cut(window, kept(window), gap.from))
  }

  const countBehind = (window: Window<Entry>, place: Place): Window<Entry> => {
    const { refill } = window
    const floor =
      refill === null || (refill.floor !== null && comparePlaces(refill.floor, place) <= 0)
        ? refill
        : { ...refill, floor: place }
    return arm({ ...window, tail: window.tail + 1, refill: floor })
  }

  const isBehind = (window: Window<Entry>, place: Place): boolean =>
    window.horizon !== null && comparePlaces(place, window.horizon) > 0

  const place = (window: Window<Entry>, entry: Entry): Window<Entry> => {
    const at = placeOf(entry)
    if (isBehind(window, at)) return countBehind(window, at)
    const isFull = window.entries.length >= entriesMax || window.weight + weightOf(entry) > weightMax
    const open = isFull ? rewind(window) : window
    if (isBehind(open, at)) return countBehind(open, at)
    const index = indexAfter(open.entries, at)
    const entries = open.entries.slice()
    entries.splice(index, 0, entry)
    return trim({ ...open, entries, weight: open.weight + weightOf(entry) })
  }

  const count = (window: Window<Entry>, at: Place): Window<Entry> => {
    if (isBehind(window, at)) return countBehind(window, at)
    const open = rewind(window)
    if (isBehind(open, at)) return countBehind(open, at)
    const left = cut(open, indexAfter(open.entries, at), firstPlace)
    return voidRefill({ ...left, tail: left.tail + 1 })
  }

  const remove = (window: Window<Entry>, taskId: string): Window<Entry> => {
    const index = window.entries.findIndex((entry) => placeOf(entry).taskId === taskId)
    if (index < 0) return window
    const entries = window.entries.slice()
    const [removed] = entries.splice(index, 1)
    const next = { ...window, entries, weight: window.weight - weightOf(removed!) }
    return next.gap !== null && isThin(entries.slice(0, kept(next))) ? rewind(next) : arm(next)
  }

  const removeCounted = (window: Window<Entry>, at: Place): Window<Entry> => {
    const { gap } = window
    const taken = window.taken + 1
    const isSkipped = gap !== null && gap.skipped > 0 && !isBehind(window, at)
    return isSkipped
      ? voidRefill({ ...window, taken, gap: { ...gap, skipped: gap.skipped - 1 } })
      : voidRefill({ ...window, taken, tail: window.tail - 1 })
  }

  const refilled = (window: Window<Entry>, seq: number, page: ReadonlyArray<Entry>, end: boolean): Window<Entry> => {
    if (window.refill === null || window.refill.seq !== seq) return window
    const { floor } = window.refill
    const stop = floor === null ? -1 : page.findIndex((entry) => comparePlaces(placeOf(entry), floor) >= 0)
    const rows = stop < 0 ? page : page.slice(0, stop)
    const held = new Set(window.entries.map((entry) => placeOf(entry).taskId))
    const fresh = rows.filter((entry) => !held.has(placeOf(entry).taskId))
    const last = rows.at(-1)
    const isLast = end && floor === null
    return arm(
      trim({
        ...window,
        entries: window.entries.concat(fresh),
        weight: window.weight + weigh(fresh),
        tail: isLast ? 0 : window.tail - rows.length,
        horizon: last === undefined ? window.horizon : placeOf(last),
        refill: null,
        seq: window.seq + 1,
        taken: window.taken + 1
      })
    )
  }

  const maySkip = (window: Window<Entry>): boolean =>
    window.tail > 0 &&
    window.refill === null &&
    kept(window) < window.entries.length &&
    (window.gap?.skipped ?? 0) + entriesMax <= lookahead

  const skip = (window: Window<Entry>): Window<Entry> => {
    if (!maySkip(window)) return window
    const keep = kept(window)
    const entries = window.entries.slice(0, keep)
    const skipped = window.entries.length - keep + (window.gap?.skipped ?? 0)
    const from = window.gap?.from ?? placeOf(entries[keep - 1]!)
    return arm({ ...window, entries, weight: weigh(entries), gap: { from, skipped } })
  }

  return { place, count, remove, removeCounted, refilled, maySkip, skip, rewind }
}
