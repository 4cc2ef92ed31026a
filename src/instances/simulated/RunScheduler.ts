/**
 * Schedules the runs of one process: one per session, in order, and at most `maxConcurrent` in all, first come, first
 * served.
 */
import type { Run } from "./SimulatedRun.ts"

export class Lanes {
  readonly running = new Set<Run>()
  readonly #maxConcurrent: number
  readonly #begin: (run: Run) => void
  /** The first runs of their sessions, waiting for a free slot. */
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

  /** Frees the run's slot, or removes the run from its queue. */
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

  /** Clears all lanes after the process died, so that no run begins any more. */
  clear(): void {
    this.#waiting = []
    this.running.clear()
  }

  #take(run: Run): void {
    run.session.current = run
    this.#waiting.push(run)
  }

  /**
   * Begins waiting runs while slots are free. A run that ends at once frees its slot within this loop, so a long queue
   * does not grow the stack.
   */
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
