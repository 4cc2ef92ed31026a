/**
 * Virtual time and everything that runs in it: a queue of events ordered by time, and the hosts whose fibers they wake.
 * One step is one event and everything that it triggers; no virtual time passes within a step. The seed decides which
 * host runs next. No real timer is used anywhere.
 */
import { Prng } from "./Prng.ts"
import { Trace } from "./Trace.ts"

export interface Timer {
  readonly cancel: () => void
}

/** What runs in the world: a host (Host.ts). */
export interface Inhabitant {
  readonly name: string
  /** Whether it has a task to run. */
  readonly ready: boolean
  /** Runs one task. */
  readonly step: () => void
  readonly kill: () => void
}

interface Event {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

const tasksAnInstant = 5_000_000
/**
 * Wall milliseconds between yields to Node's event loop, so that the process that runs the simulation stays responsive.
 */
const breathEveryMillis = 50

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

export class World {
  /** Virtual milliseconds since the start, with fractions. */
  now = 0
  /** Unix milliseconds at the start. */
  readonly epoch = Date.UTC(2030, 0, 1)
  readonly trace: Trace
  readonly random: Prng
  readonly hosts: Array<Inhabitant> = []
  readonly #scheduling: Prng
  readonly #heap: Array<Event> = []
  #order = 0
  #stopped = false

  constructor(seed: string, keepLines: number) {
    this.random = new Prng(seed)
    this.#scheduling = this.random.fork("scheduling")
    this.trace = new Trace(keepLines)
  }

  log(where: string, what: string, notable = false): void {
    this.trace.add(this.now, where, what, notable)
  }

  after(millis: number, run: () => void): Timer {
    const event: Event = { at: this.now + Math.max(0, millis), order: this.#order++, run }
    this.#push(event)
    return {
      cancel: () => {
        event.run = undefined
      }
    }
  }

  /** Ends the run after the current step. */
  stop(): void {
    this.#stopped = true
  }

  async run(until: number): Promise<void> {
    let breathAt = performance.now() + breathEveryMillis
    while (!this.#stopped) {
      this.#settle()
      const next = this.#heap[0]
      if (next === undefined || next.at > until) break
      this.#pop()
      if (next.run === undefined) continue
      this.now = next.at
      next.run()
      await undefined
      if (performance.now() > breathAt) {
        await new Promise<void>((resume) => void setImmediate(resume))
        breathAt = performance.now() + breathEveryMillis
      }
    }
    if (!this.#stopped) this.now = Math.max(this.now, until)
  }

  /** Runs all tasks that are ready, one task of one host at a time. */
  #settle(): void {
    let tasks = 0
    while (true) {
      const ready = this.hosts.filter((host) => host.ready)
      if (ready.length === 0) return
      const host = ready.length === 1 ? ready[0]! : this.#scheduling.pick(ready)
      for (let n = this.#scheduling.int(1, 8); n > 0 && host.ready; n--) {
        host.step()
        if (++tasks > tasksAnInstant) throw new Error(`${host.name} never comes to rest at ${this.now} ms`)
      }
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    while (true) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}
