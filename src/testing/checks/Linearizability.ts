/**
 * I13: stored snapshot and view equal the fold of committed events, and the stored wake-up is not later than that of
 * the fold. Answers to clients are checked for linearizability: an answer equals the committed one; the real-time order
 * of acknowledged calls is kept; and a read returns a state that is not older than the latest entry acknowledged before
 * the read was sent, and that was committed before its response.
 */
import { Equal } from "effect"
import type { StoredRow } from "../store/Database.ts"
import { type Fold, type FoldedStates } from "./FoldedStates.ts"
import { actorOf, type Violation } from "./History.ts"
import type { Call, Observation, Watcher } from "./Observation.ts"

const wrong = (message: string): Violation => ({ invariant: "I13", message })

const json = (value: unknown) => JSON.stringify(value)
const same = (a: unknown, b: unknown) => Equal.equals(a, b) || json(canonical(a)) === json(canonical(b))

const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item)])
  )
}

/** The value as the store returns it, after a round trip through JSON. */
const stored = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))

const compareStored = (actor: string, fold: Fold, { store }: Observation): ReadonlyArray<Violation> => {
  const rows = store.actors.get(actor)
  if (rows === undefined || rows.entries.length !== fold.seq) return []
  const { definition, encodeView } = fold
  const state = fold.state as never
  const violations: Array<Violation> = []
  if (encodeView !== undefined) {
    const doc = stored(encodeView(definition.view?.of(state, fold.entityId)).doc)
    if (!same(doc, stored(rows.view?.doc ?? null))) {
      violations.push(
        wrong(`the view of ${actor} after ${fold.seq} is ${json(rows.view?.doc)}, its events give ${json(doc)}`)
      )
    }
  }
  if (definition.timers !== undefined || definition.activities !== undefined) {
    const due = Math.min(Infinity, ...(definition.timers?.(state) ?? []).map(({ at }) => at))
    const wake = { dueAt: due === Infinity ? null : due, resident: (definition.activities?.(state) ?? []).length > 0 }
    const found = rows.wake ?? { dueAt: null, resident: false }
    const isLater = wake.dueAt !== null && (found.dueAt === null || found.dueAt > wake.dueAt)
    if (isLater || (wake.resident && !found.resident)) {
      violations.push(wrong(`${actor} is to be woken ${json(found)}, its events give ${json(wake)}`))
    }
  }
  return violations
}

/** Folds the state again as of an earlier entry. */
const stateAt = (
  fold: Fold,
  rows: ReadonlyArray<{ readonly events: ReadonlyArray<unknown> }>,
  seq: number
): unknown => {
  let state = fold.definition.initial(fold.entityId)
  for (const { events } of rows.slice(0, seq)) {
    for (const event of events)
      state = fold.definition.evolve(state as never, fold.codec.decodeEvent(event, fold.entityId) as never)
  }
  return state
}

/** The committed rows by actor and request id. */
class Answers {
  readonly #rows = new Map<string, StoredRow>()

  add(row: StoredRow): void {
    if (row.requestId !== null) this.#rows.set(`${actorOf(row)} ${row.requestId}`, row)
  }

  of({ actor, requestId }: Call): StoredRow | undefined {
    return requestId === undefined ? undefined : this.#rows.get(`${actor} ${requestId}`)
  }
}

/** The latest entry of one actor that had been acknowledged to some client, by time. */
class Heard {
  readonly #ends: Array<{ readonly at: number; readonly seq: number }> = []

  add(at: number, seq: number): void {
    this.#ends.push({ at, seq: Math.max(seq, this.#ends.at(-1)?.seq ?? 0) })
  }

  before(at: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ends[middle]!.at < at) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.#ends[low - 1]!.seq
  }
}

const compareAnswer = (call: Call, fold: Fold, row: StoredRow | undefined): ReadonlyArray<Violation> => {
  if (call.outcome === undefined || call.outcome._tag === "Unknown" || row === undefined || row.answer === null)
    return []
  const told = stored(fold.codec.command(call.command)?.encodeAnswer(call.outcome))
  return same(told, row.answer)
    ? []
    : [
        wrong(
          `${call.actor} answered ${call.command} (${call.requestId}) with ${json(told)}, and committed ${json(row.answer)}`
        )
      ]
}

const compareRead = (call: Call, fold: Fold, atLeast: number): ReadonlyArray<Violation> => {
  if (call.reads === undefined || call.outcome?._tag !== "Success" || fold.states.length === 0) return []
  const { value } = call.outcome
  for (let seq = atLeast; seq < fold.states.length; seq++) {
    const { committedAt, state } = fold.states[seq]!
    if (committedAt > call.endedAt!) break
    if (same(call.reads(state), value)) return []
  }
  return [
    wrong(
      `${call.actor} answered ${call.command} with ${json(value)} between ${call.begunAt.toFixed(1)} and ${call.endedAt!.toFixed(
        1
      )}: no state from entry ${atLeast} on that was committed by then says so`
    )
  ]
}

export const stateIsFold = (folded: FoldedStates) => (): Watcher => {
  const answers = new Answers()
  const touched = new Set<string>()
  const snapshots = new Map<string, number>()
  const told = new Map<string, Heard>()
  /** Virtual milliseconds at which a request id was first sent: from then on it may take effect. */
  const begun = new Map<string, number>()
  let calls = 0
  const open = new Set<Call>()

  const judge = (call: Call): ReadonlyArray<Violation> => {
    const at = call.actor.indexOf("/")
    const fold = folded.of(call.actor.slice(0, at), call.actor.slice(at + 1))
    if (fold === undefined) return []
    const row = answers.of(call)
    const heard = told.get(call.actor) ?? new Heard()
    told.set(call.actor, heard)
    const request = `${call.actor} ${call.requestId}`
    const before = heard.before(begun.get(request) ?? call.begunAt)
    const violations = [...compareAnswer(call, fold, row), ...compareRead(call, fold, before)]
    if (call.changes && call.outcome?._tag === "Success" && row === undefined) {
      violations.push(wrong(`${call.actor} acknowledged ${call.command} (${call.requestId}), and never committed it`))
    }
    if (row !== undefined && call.outcome?._tag !== "Unknown") {
      if (row.seq <= before) {
        violations.push(
          wrong(
            `${call.actor} committed ${call.requestId} as ${row.seq}, though ${before} was answered before it was sent`
          )
        )
      }
      heard.add(call.endedAt!, row.seq)
    }
    return violations
  }

  return (observation) => {
    const violations: Array<Violation> = []
    for (const row of observation.fresh) {
      answers.add(row)
      touched.add(actorOf(row))
    }
    for (const actor of touched) {
      const fold = folded.actors.get(actor)
      if (fold === undefined) continue
      violations.push(...compareStored(actor, fold, observation))
      const rows = observation.store.actors.get(actor)!
      const { snapshot } = rows
      if (snapshot === undefined || snapshot.seq === snapshots.get(actor) || snapshot.seq > fold.seq) continue
      snapshots.set(actor, snapshot.seq)
      const state = fold.codec.clearState(stateAt(fold, rows.entries, snapshot.seq))
      if (!same(stored(state), fold.codec.openState(snapshot.state, fold.entityId))) {
        violations.push(wrong(`the snapshot of ${actor} at ${snapshot.seq} is not what its events give`))
      }
    }
    touched.clear()
    for (; calls < observation.calls.length; calls++) {
      const call = observation.calls[calls]!
      open.add(call)
      if (call.requestId === undefined) continue
      const request = `${call.actor} ${call.requestId}`
      begun.set(request, Math.min(call.begunAt, begun.get(request) ?? Infinity))
    }
    const done = [...open].filter(({ outcome }) => outcome !== undefined).sort((a, b) => a.endedAt! - b.endedAt!)
    for (const call of done) {
      open.delete(call)
      violations.push(...judge(call))
    }
    return violations
  }
}
