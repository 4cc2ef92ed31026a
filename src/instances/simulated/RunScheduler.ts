/**
 * Schedules the runs of one process: one per session, in order, and at most `maxConcurrent` in all, first come, first
 * served.
 */
import type { Run } from "./SimulatedRun.ts"
import type { Session } from "./SimulatedSession.ts"

/** The runs of one session. */
interface Line {
  current: Run | undefined
  readonly queue: Array<Run>
}

export class RunScheduler {
  readonly running = new Set<Run>()
  /** The most runs that were running at once. */
  mostRunning = 0
  readonly #maxConcurrent: number
  readonly #begin: (run: Run) => void
  /** The first runs of their sessions, waiting for a free slot. */
  #waiting: Array<Run> = []
  /** The sessions that have a run. */
  readonly #lines = new Map<Session, Line>()
  #pumping = false

  constructor(maxConcurrent: number, begin: (run: Run) => void) {
    this.#maxConcurrent = maxConcurrent
    this.#begin = begin
  }

  /** Number of runs that have not begun. */
  get queued(): number {
    let queued = this.#waiting.length
    for (const { queue } of this.#lines.values()) queued += queue.length
    return queued
  }

  currentOf(session: Session): Run | undefined {
    return this.#lines.get(session)?.current
  }

  queueOf(session: Session): ReadonlyArray<Run> {
    return this.#lines.get(session)?.queue ?? []
  }

  /** Every run that has not ended. */
  get runs(): ReadonlyArray<Run> {
    return [...this.#lines.values()].flatMap(({ current, queue }) =>
      current === undefined ? queue : [current, ...queue]
    )
  }

  enqueue(run: Run): void {
    const line = this.#lineOf(run.session)
    if (line.current === undefined) this.#take(line, run)
    else line.queue.push(run)
    this.#pump()
  }

  /** Reserves the session for a run that is enqueued later with `resume`. */
  reserve(run: Run): void {
    this.#lineOf(run.session).current = run
  }

  resume(run: Run): void {
    this.#lineOf(run.session).current = undefined
    this.enqueue(run)
  }

  /** Frees the run's slot, or removes the run from its queue. */
  leave(run: Run): void {
    const line = this.#lineOf(run.session)
    this.running.delete(run)
    if (line.current === run) {
      this.#waiting = this.#waiting.includes(run) ? this.#waiting.filter((other) => other !== run) : this.#waiting
      line.current = undefined
      const next = line.queue.shift()
      if (next !== undefined) this.#take(line, next)
    } else if (line.queue.includes(run)) {
      line.queue.splice(line.queue.indexOf(run), 1)
    }
    if (line.current === undefined) this.#lines.delete(run.session)
    this.#pump()
  }

  /** Clears all after the process died, so that no run begins any more. */
  clear(): void {
    this.#waiting = []
    this.#lines.clear()
    this.running.clear()
  }

  #lineOf(session: Session): Line {
    const line = this.#lines.get(session) ?? { current: undefined, queue: [] }
    this.#lines.set(session, line)
    return line
  }

  #take(line: Line, run: Run): void {
    line.current = run
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
        this.mostRunning = Math.max(this.mostRunning, this.running.size)
        this.#begin(run)
      }
    } finally {
      this.#pumping = false
    }
  }
}
