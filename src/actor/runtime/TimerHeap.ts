/**
 * A binary heap by due time with one entry per key. Setting a key again moves it; its outdated entry is skipped later.
 */
export class TimerHeap<A> {
  readonly #keyOf: (value: A) => string
  readonly #current = new Map<string, number>()
  #heap: Array<{ readonly dueAt: number; readonly value: A; readonly key: string }> = []

  constructor(keyOf: (value: A) => string) {
    this.#keyOf = keyOf
  }

  get size(): number {
    return this.#current.size
  }

  get nextDue(): number | undefined {
    this.#dropStale()
    return this.#heap[0]?.dueAt
  }

  /** Returns whether the key has moved and is now the first to be due. */
  set(value: A, dueAt: number): boolean {
    const key = this.#keyOf(value)
    if (this.#current.get(key) === dueAt) return false
    this.#current.set(key, dueAt)
    this.#heap.push({ dueAt, value, key })
    this.#up(this.#heap.length - 1)
    if (this.#heap.length > 2 * this.#current.size + 1_024) this.#rebuild()
    return this.#heap[0]!.key === key
  }

  remove(value: A): void {
    this.#current.delete(this.#keyOf(value))
  }

  takeDue(now: number, limit: number): Array<A> {
    const due: Array<A> = []
    while (due.length < limit) {
      this.#dropStale()
      const first = this.#heap[0]
      if (first === undefined || first.dueAt > now) break
      this.#pop()
      this.#current.delete(first.key)
      due.push(first.value)
    }
    return due
  }

  #dropStale(): void {
    while (this.#heap.length > 0 && this.#current.get(this.#heap[0]!.key) !== this.#heap[0]!.dueAt) this.#pop()
  }

  #rebuild(): void {
    const live = this.#heap.filter(({ dueAt, key }) => this.#current.get(key) === dueAt)
    this.#heap = live.sort((a, b) => a.dueAt - b.dueAt)
  }

  #pop(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#down(0)
  }

  #up(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#heap[parent]!.dueAt <= this.#heap[at]!.dueAt) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #down(from: number): void {
    let at = from
    while (true) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#heap[child]!.dueAt < this.#heap[least]!.dueAt) least = child
      }
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = held
  }
}
