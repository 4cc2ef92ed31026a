/**
 * What a commit writes that follows from the actor's state: its wake-up and its view, when they differ from those that
 * were committed last.
 *
 * A wake-up that becomes later, or is no longer needed, need not be written at once, since one that comes too early
 * changes nothing. So an actor that commits many times a second writes the row a few times of these, and what is owed
 * then a little later, if need be by a commit of its own.
 */
import type { View } from "../Actor.ts"
import type { Commit, WakeRow } from "../Journal.ts"
import type { ActivationOptions } from "../runtime/ActivationOptions.ts"
import { digestOf } from "../state/Digest.ts"

export const asleep: WakeRow = { dueAt: null, resident: false }

/** What a state asks of its runner. */
export interface Wanted {
  readonly wake: WakeRow
  readonly activities: ReadonlyArray<unknown>
}

/** Wake-up rows that are written at once within so many milliseconds, whatever changes them. */
const wakes = { most: 4, perMillis: 1_000 }

const nothing: Wanted = { wake: asleep, activities: [] }

interface ChangedView {
  readonly row: NonNullable<Commit["view"]>
  readonly digest: number
}

/** The rows of one commit. `wanted` is of the same state. */
export interface Derived {
  readonly wanted: Wanted
  readonly wake: WakeRow | undefined
  readonly view: ChangedView | undefined
}

export class DerivedRows {
  readonly #options: ActivationOptions
  readonly #entityId: string
  #wake: WakeRow
  /** Unix milliseconds until which `#wakesWritten` counts. */
  #wakesUntil = 0
  #wakesWritten = 0
  /** Digest of the view that was committed last; the view itself may be long. */
  #viewDigest: number | undefined
  /** A view that was found to be the one that was committed last: it need not be encoded to compare it again. */
  #unchangedView: View<unknown> | undefined

  /** `wake`: as stored. */
  constructor(options: ActivationOptions, entityId: string, wake: WakeRow = asleep) {
    this.#options = options
    this.#entityId = entityId
    this.#wake = wake
  }

  wanted(state: unknown): Wanted {
    const { activities, timers } = this.#options.definition
    if (activities === undefined && timers === undefined) return nothing
    let dueAt: number | null = null
    for (const { at } of timers?.(state) ?? []) dueAt = dueAt === null ? at : Math.min(dueAt, at)
    const active = activities?.(state) ?? nothing.activities
    const resident = active.length > 0
    return { activities: active, wake: dueAt === null && !resident ? asleep : { dueAt, resident } }
  }

  /** What a commit of this state at `now` writes. */
  of(state: unknown, now: number): Derived {
    const wanted = this.wanted(state)
    return { wanted, wake: this.#changedWake(wanted.wake, now), view: this.#changedView(state) }
  }

  /** Call it when the commit that wrote these rows has succeeded. */
  written({ view, wake }: Derived, now: number): void {
    if (wake !== undefined) {
      this.#wake = wake
      if (now >= this.#wakesUntil) this.#wakesWritten = 0
      if (this.#wakesWritten++ === 0) this.#wakesUntil = now + wakes.perMillis
    }
    if (view === undefined) return
    this.#viewDigest = view.digest
    this.#unchangedView = undefined
  }

  /** Unix milliseconds at which the rows are to be written that differ from this state. Undefined: none does. */
  owedAt({ wake }: Wanted): number | undefined {
    return isSame(this.#wake, wake) ? undefined : this.#wakesUntil
  }

  #changedWake(wake: WakeRow, now: number): WakeRow | undefined {
    if (isSame(this.#wake, wake)) return undefined
    const mayWait = now < this.#wakesUntil && this.#wakesWritten >= wakes.most && !isTooLate(this.#wake, wake)
    return mayWait ? undefined : wake
  }

  #changedView(state: unknown): ChangedView | undefined {
    const { definition, encodeView } = this.#options
    if (encodeView === undefined) return undefined
    const view = definition.view?.of(state, this.#entityId)
    if (view !== undefined && view === this.#unchangedView) return undefined
    const row = encodeView(view)
    const digest = digestOf(JSON.stringify(row))
    if (digest !== this.#viewDigest) return { row, digest }
    this.#unchangedView = view
    return undefined
  }
}

const isSame = (a: WakeRow, b: WakeRow): boolean => a.dueAt === b.dueAt && a.resident === b.resident

/** Whether an actor with this row would not be woken in time. */
const isTooLate = (stored: WakeRow, wanted: WakeRow): boolean =>
  (wanted.resident && !stored.resident) ||
  (wanted.dueAt !== null && (stored.dueAt === null || stored.dueAt > wanted.dueAt))
