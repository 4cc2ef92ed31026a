/**
 * What a commit writes that follows from the actor's state: its wake-up and its view, when they differ from those that
 * were committed last.
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

  /** What a commit of this state writes. */
  of(state: unknown): Derived {
    const wanted = this.wanted(state)
    const { dueAt, resident } = this.#wake
    const changed = wanted.wake.dueAt !== dueAt || wanted.wake.resident !== resident
    return { wanted, wake: changed ? wanted.wake : undefined, view: this.#changedView(state) }
  }

  /** Call it when the commit that wrote these rows has succeeded. */
  written({ view, wake }: Derived): void {
    this.#wake = wake ?? this.#wake
    if (view === undefined) return
    this.#viewDigest = view.digest
    this.#unchangedView = undefined
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
