/**
 * Records the events of a run, in order. Every line goes into the hash; the lines themselves are kept only as far as
 * requested. Two runs of one seed have the same hash; otherwise the simulator has a bug.
 */
export interface TraceLine {
  /** Virtual milliseconds since the start. */
  readonly at: number
  readonly where: string
  readonly what: string
  /** Always shown in a timeline: faults, starts and stops, warnings. */
  readonly notable: boolean
}

const notableKept = 10_000

export class Trace {
  lines: Array<TraceLine> = []
  count = 0
  #high = 0x811c9dc5
  #low = 0x1000193
  readonly #keep: number

  /** `keep`: lines kept in addition to the notable ones; the oldest are dropped first. */
  constructor(keep: number) {
    this.#keep = keep
  }

  add(at: number, where: string, what: string, notable = false): void {
    this.count++
    this.#mix(at.toFixed(3))
    this.#mix(where)
    this.#mix(what)
    if (!notable && this.#keep === 0) return
    this.#push({ at, where, what, notable })
  }

  /** Adds a line that is shown but left out of the hash: its text may name files or fibers of this process. */
  note(at: number, where: string, what: string): void {
    this.#push({ at, where, what, notable: true })
  }

  /** Keeps notable lines up to their own bound, whatever the other lines are. */
  #push(line: TraceLine): void {
    this.lines.push(line)
    if (this.lines.length < 2 * this.#keep + 2 * notableKept) return
    const notable = this.lines.filter((one) => one.notable).slice(-notableKept)
    const recent = this.#keep === 0 ? [] : this.lines.filter((one) => !one.notable).slice(-this.#keep)
    this.lines = [...notable, ...recent].sort((a, b) => a.at - b.at)
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0")
  }

  #mix(text: string): void {
    let [high, low] = [this.#high, this.#low]
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      high = Math.imul(high ^ code, 0x01000193)
      low = Math.imul(low ^ code ^ (high >>> 15), 0x85ebca6b)
      low ^= low >>> 13
    }
    this.#high = high
    this.#low = low
  }
}
