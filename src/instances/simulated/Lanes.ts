/**
 * Which runs of one process may run: one a session, in order, and at most `maxConcurrent` in all, first come first
 * served.
 */
import type { Run } from "./Run.ts"

export class Lanes {
  readonly running = new Set<Run>()
  readonly #maxConcurrent: number
  readonly #begin: (run: Run) => void
  /** Heads of their sessions that wait for a free place. */
  #waiting: Array<Run> = []
  #pumping = false

  constructor(maxConcurrent: number, begin: (run: Run) => void) {
    this.#maxConcurrent = maxConcurrent
    this.#begin = begin
  }

  get waiting(): number {
    return this.#waiting.length
  }

  enqueue(run: Run): void {
    if (run.session.current === undefined) this.#take(run)
    else run.session.queue.push(run)
    this.#pump()
  }

  /** Frees what the run held, or forgets that it waited. */
  leave(run: Run): void {
    const { session } = run
    this.running.delete(run)
    if (session.current === run) {
      session.current = undefined
      this.#waiting = this.#waiting.includes(run) ? this.#waiting.filter((other) => other !== run) : this.#waiting
      const next = session.queue.shift()
      if (next !== undefined) this.#take(next)
    } else {
      session.queue = session.queue.filter((other) => other !== run)
    }
    this.#pump()
  }

  /** The process died: nothing begins any more. */
  clear(): void {
    this.#waiting = []
    this.running.clear()
  }

  #take(run: Run): void {
    run.session.current = run
    this.#waiting.push(run)
  }

  /** A run that ends at once frees its place while the loop goes on, so a long queue does not grow the stack. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#waiting.length > 0 && this.running.size < this.#maxConcurrent) {
        const run = this.#waiting.shift()!
        this.running.add(run)
        this.#begin(run)
      }
    } finally {
      this.#pumping = false
    }
  }
}
