import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { comparePlaces, type Place } from "../../../../src/entities/Lane/backlog/Rank.ts"
import * as BacklogWindow from "../../../../src/entities/Lane/backlog/BacklogWindow.ts"

interface Entry extends Place {
  readonly weight: number
}

const bounds: BacklogWindow.Bounds<Entry> = {
  placeOf: ({ order, taskId }) => ({ order, taskId }),
  weightOf: ({ weight }) => weight,
  entriesMax: 8,
  weightMax: 20,
  lookahead: 40
}
const ops = BacklogWindow.make(bounds)

/** The rows there really are, and a window that is told of them. Pages are read when asked for and arrive later. */
class World {
  window: BacklogWindow.Window<Entry> = BacklogWindow.empty
  readonly rows = new Map<string, Entry>()
  page: { readonly seq: number; readonly entries: ReadonlyArray<Entry>; readonly end: boolean } | undefined
  phantoms = 0
  #ids = 0

  step(code: number): void {
    const pick = code >>> 4
    switch (code % 12) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const entry = this.#entry(pick)
        this.rows.set(entry.taskId, entry)
        this.window = ops.place(this.window, entry)
        break
      }
      case 4: {
        const entry = this.#entry(pick)
        this.rows.set(entry.taskId, entry)
        this.window = ops.count(this.window, entry)
        break
      }
      case 5: {
        this.phantoms++
        this.window = ops.count(this.window, this.#entry(pick))
        break
      }
      case 6:
      case 7: {
        const entry = this.window.entries[pick % Math.max(1, this.window.entries.length)]
        if (entry === undefined) break
        this.rows.delete(entry.taskId)
        this.window = ops.remove(this.window, entry.taskId)
        break
      }
      case 8: {
        const held = new Set(this.window.entries.map(({ taskId }) => taskId))
        const unheld = [...this.rows.values()].filter(({ taskId }) => !held.has(taskId))
        const entry = unheld[pick % Math.max(1, unheld.length)]
        if (entry === undefined) break
        this.rows.delete(entry.taskId)
        this.window = ops.removeCounted(this.window, entry)
        break
      }
      case 9:
        this.read()
        break
      case 10:
        this.arrive()
        break
      case 11:
        this.window = pick % 3 === 0 ? ops.rewind(this.window) : ops.skip(this.window)
        break
    }
  }

  #entry(pick: number): Entry {
    return { order: pick % 50, taskId: `t${this.#ids++}`, weight: 1 + (pick % 4) }
  }

  read(): void {
    const { horizon, refill } = this.window
    if (refill === null || this.page?.seq === refill.seq) return
    const behind = [...this.rows.values()]
      .filter((row) => horizon === null || comparePlaces(row, horizon) > 0)
      .sort(comparePlaces)
    this.page = { seq: refill.seq, entries: behind.slice(0, 4), end: behind.length < 4 }
  }

  arrive(): void {
    if (this.page === undefined) return
    this.window = ops.refilled(this.window, this.page.seq, this.page.entries, this.page.end)
    this.page = undefined
  }

  check(): void {
    const { entries, gap, horizon, tail } = this.window
    const held = new Set(entries.map(({ taskId }) => taskId))
    assert.strictEqual(held.size, entries.length, "an entry is held twice")
    for (const [index, entry] of entries.entries()) {
      assert.isTrue(this.rows.has(entry.taskId), `${entry.taskId} is held and is no row`)
      if (index > 0) assert.isBelow(comparePlaces(entries[index - 1]!, entry), 0, "entries are in order")
    }
    assert.isAtMost(entries.length, bounds.entriesMax)
    assert.strictEqual(
      this.window.weight,
      entries.reduce((sum, { weight }) => sum + weight, 0)
    )
    if (entries.length > 1) assert.isAtMost(this.window.weight, bounds.weightMax)
    let unheld = 0
    for (const row of this.rows.values()) {
      if (held.has(row.taskId)) continue
      unheld++
      assert.isNotNull(horizon, `${row.taskId} is nowhere`)
      const isBehind = comparePlaces(row, horizon!) > 0
      const isSkipped = gap !== null && comparePlaces(row, gap.from) > 0
      assert.isTrue(isBehind || isSkipped, `${row.taskId} was passed over`)
    }
    assert.isAtLeast(BacklogWindow.unheld(this.window), unheld, "fewer rows are counted than there are")
    if (this.phantoms === 0) assert.strictEqual(BacklogWindow.unheld(this.window), unheld)
    assert.isAtMost(gap?.skipped ?? 0, bounds.lookahead)
    if (tail > 0 && entries.length <= 4 && this.window.weight <= 10) assert.isNotNull(this.window.refill)
  }

  /** Takes all from the head; the window must lead to every row, in order. */
  drain(): void {
    this.window = ops.rewind(this.window)
    let last: Place | undefined
    for (let turn = 0; turn < 2_000 && BacklogWindow.size(this.window) > 0; turn++) {
      const entry = this.window.entries[0]
      if (entry === undefined) {
        assert.isNotNull(this.window.refill, "rows wait and none are read")
        this.page = undefined
        this.read()
        this.arrive()
        continue
      }
      if (last !== undefined) assert.isBelow(comparePlaces(last, entry), 0, "taken out of order")
      last = entry
      this.rows.delete(entry.taskId)
      this.window = ops.remove(this.window, entry.taskId)
    }
    assert.strictEqual(BacklogWindow.size(this.window), 0, "the count never came to nothing")
    assert.strictEqual(this.rows.size, 0, "rows were left behind")
  }
}

const steps = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffff }))), {
  minLength: 20,
  maxLength: 400
})

describe("BacklogWindow", () => {
  it.prop(
    "holds the head of the rows and passes none over, whatever happens while a page is read",
    [steps],
    ([codes]) => {
      const world = new World()
      for (const code of codes) {
        world.step(code)
        world.check()
      }
      world.drain()
    },
    { arbitrary: { runs: 120, size: 300 } }
  )

  it("does not take in a row that was counted twice", () => {
    const world = new World()
    world.rows.set("a", { order: 1, taskId: "a", weight: 1 })
    world.window = ops.count(ops.count(world.window, { order: 1, taskId: "a" }), { order: 9, taskId: "a" })
    assert.strictEqual(BacklogWindow.size(world.window), 2)
    world.read()
    world.arrive()
    world.read()
    world.arrive()
    assert.deepStrictEqual(
      world.window.entries.map(({ taskId }) => taskId),
      ["a"]
    )
    assert.strictEqual(BacklogWindow.size(world.window), 1)
  })

  const add = (world: World, order: number, weight = 1) => {
    const entry = { order, taskId: `t${String(order).padStart(3, "0")}`, weight }
    world.rows.set(entry.taskId, entry)
    world.window = ops.place(world.window, entry)
  }
  const take = (world: World, order: number) => {
    const taskId = `t${String(order).padStart(3, "0")}`
    world.rows.delete(taskId)
    world.window = ops.remove(world.window, taskId)
  }

  it("reads what it skipped together with what waits there, when a page leaves no room behind the gap", () => {
    const world = new World()
    for (let order = 10; order <= 120; order += 10) add(world, order)
    world.window = ops.skip(world.window)
    world.read()
    take(world, 40)
    for (const order of [1, 2, 3, 4, 5]) add(world, order)
    world.arrive()
    add(world, 35)
    world.check()
    world.window = ops.rewind(world.window)
    world.check()
    world.drain()
  })

  it("never skips without letting go of something, and goes on reading when nothing is left behind the gap", () => {
    const world = new World()
    for (let order = 10; order <= 400; order += 10) add(world, order)
    world.window = ops.skip(world.window)
    world.read()
    world.arrive()
    add(world, 5)
    for (const { order } of world.window.entries.slice(5)) take(world, order)
    assert.strictEqual(world.window.entries.length, 5)
    assert.isFalse(ops.maySkip(world.window))
    assert.isNotNull(world.window.refill, "rows wait and none are read")
    world.check()
    world.drain()
  })

  it("looks past a few entries that are heavy", () => {
    const world = new World()
    for (const order of [10, 20]) add(world, order, 8)
    for (let order = 30; order <= 90; order += 10) add(world, order)
    add(world, 100, 8)
    for (let turn = 0; turn < 20 && ops.maySkip(world.window); turn++) {
      world.window = ops.skip(world.window)
      world.read()
      world.arrive()
      world.check()
    }
    assert.include(
      world.window.entries.map(({ order }) => order),
      100
    )
    world.drain()
  })

  it("looks past stuck entries and takes them up again when few are left", () => {
    const world = new World()
    for (let index = 0; index < 40; index++) {
      const entry = { order: index, taskId: `t${String(index).padStart(2, "0")}`, weight: 1 }
      world.rows.set(entry.taskId, entry)
      world.window = ops.place(world.window, entry)
    }
    assert.isTrue(ops.maySkip(world.window))
    world.window = ops.skip(world.window)
    world.read()
    world.arrive()
    assert.deepStrictEqual(
      world.window.entries.map(({ order }) => order),
      [0, 1, 2, 3, 8, 9, 10, 11]
    )
    assert.strictEqual(BacklogWindow.size(world.window), 40)
    world.window = ops.rewind(world.window)
    world.read()
    world.arrive()
    assert.deepStrictEqual(
      world.window.entries.map(({ order }) => order),
      [0, 1, 2, 3, 4, 5, 6, 7]
    )
    assert.strictEqual(BacklogWindow.size(world.window), 40)
  })
})
