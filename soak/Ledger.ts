/** What was asked for and what became of it. Everything here is bounded by what is under way. */

export interface Counts {
  [name: string]: number
}

export class Ledger {
  /** Accepted by the edge, its end not yet seen on the feed; since when, in milliseconds. */
  readonly #open = new Map<string, number>()
  /** Ends that were seen before the answer to the submit. */
  readonly #early = new Map<string, number>()
  readonly counts: Counts = {}
  readonly errors: Counts = {}
  /** What must not happen, in words; the first hundred. */
  readonly faults: Array<string> = []

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }

  error(code: string): void {
    if (code in this.errors || Object.keys(this.errors).length < 50) this.errors[code] = (this.errors[code] ?? 0) + 1
    else this.errors["others"] = (this.errors["others"] ?? 0) + 1
  }

  fault(what: string): void {
    if (this.faults.length < 100) this.faults.push(what)
  }

  accepted(taskId: string): void {
    this.count("tasks accepted")
    if (!this.#early.delete(taskId)) this.#open.set(taskId, performance.now())
  }

  ended(taskId: string, how: string): void {
    this.count(how)
    if (this.#open.delete(taskId)) return
    this.#early.set(taskId, performance.now())
    for (const [id, at] of this.#early) {
      if (performance.now() - at < 120_000) break
      this.#early.delete(id)
    }
  }

  get unfinished(): number {
    return this.#open.size
  }

  /** Seconds since the oldest open task was accepted. */
  get oldestUnfinished(): number {
    const [first] = this.#open.values()
    return first === undefined ? 0 : (performance.now() - first) / 1_000
  }

  openIds(most: number): ReadonlyArray<string> {
    return [...this.#open.keys()].slice(0, most)
  }
}
