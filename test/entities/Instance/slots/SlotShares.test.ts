import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, HashMap, Schema } from "effect"
import * as SlotBook from "../../../../src/entities/Instance/slots/SlotBook.ts"
import { countAt, grants, recalls } from "../../../../src/entities/Instance/slots/SlotShares.ts"
import { TenantId } from "../../../../src/schema/Ids.ts"

interface Lane {
  readonly tenant: string
  readonly lane: string
  readonly weight?: number
  readonly want?: number
  readonly rank?: number | null
}

const refOf = ({ lane, tenant }: Lane) => ({ entityType: "Lane", entityId: `${tenant}/${lane}` })
const keyOf = (lane: Lane): string => SlotBook.holderKey(refOf(lane))

const ask = (book: SlotBook.SlotBook, lane: Lane, now = 0) =>
  SlotBook.weighed(
    SlotBook.asked(
      book,
      {
        holder: refOf(lane),
        tenantId: TenantId.make(lane.tenant),
        want: lane.want ?? 100,
        rank: lane.rank === undefined ? 0 : lane.rank
      },
      now
    ),
    lane.tenant,
    lane.weight ?? 1,
    now
  )

const one = (tenant: string, more: Partial<Lane> = {}): Lane => ({ tenant, lane: "main", ...more })

const bookOf = (...lanes: ReadonlyArray<Lane>) =>
  lanes.reduce<SlotBook.SlotBook>((book, lane) => ask(book, lane), SlotBook.empty)

const grantAll = (book: SlotBook.SlotBook, free: number, now = 0) =>
  grants(book, free, now).reduce((next, { count, key }) => SlotBook.granted(next, key, count, now), book)

const held = (book: SlotBook.SlotBook, lane: Lane): number => SlotBook.holderOf(book, keyOf(lane))?.held ?? 0

/** An instance whose lanes always have work: each slot runs something, and goes back when it is recalled at its end. */
class Instance {
  book = SlotBook.empty
  now = 0
  readonly served = new Map<string, number>()
  returned = 0
  readonly #cap: number
  readonly #runs: Array<{
    readonly key: string
    readonly tenant: string
    readonly since: number
    readonly until: number
  }> = []
  readonly #millis: (tenant: string) => number

  constructor(cap: number, millis: (tenant: string) => number) {
    this.#cap = cap
    this.#millis = millis
  }

  ask(lane: Lane): void {
    this.book = ask(this.book, lane, this.now)
    this.#grant()
  }

  #begin(key: string): void {
    const { tenantId } = SlotBook.holderOf(this.book, key)!
    this.#runs.push({ key, tenant: tenantId, since: this.now, until: this.now + this.#millis(tenantId) })
  }

  #grant(): void {
    for (const { count, key } of grants(this.book, this.#cap - SlotBook.heldOf(this.book), this.now)) {
      this.book = SlotBook.granted(this.book, key, count, this.now)
      for (let n = 0; n < count; n++) this.#begin(key)
    }
    const due = new Map(recalls(this.book, this.now).map(({ count, key }) => [key, count]))
    for (const key of HashMap.keys(this.book.holders)) this.book = SlotBook.recalled(this.book, key, due.get(key) ?? 0)
  }

  /** Lets all runs that end until then end. */
  runUntil(time: number): void {
    while (true) {
      this.#runs.sort((left, right) => left.until - right.until)
      const first = this.#runs[0]
      if (first === undefined || first.until > time) break
      this.#runs.shift()
      this.now = first.until
      this.served.set(first.tenant, (this.served.get(first.tenant) ?? 0) + this.now - first.since)
      const { recalled, want } = SlotBook.holderOf(this.book, first.key)!
      if (recalled === 0) this.#begin(first.key)
      else {
        this.returned++
        this.book = SlotBook.returned(this.book, first.key, 1, want, this.now)
      }
      this.#grant()
    }
    this.now = time
  }

  runningOf(tenant: string): number {
    return this.#runs.filter((run) => run.tenant === tenant).length
  }
}

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))
const wants = Arbitrary.array(upTo(9), { minLength: 0, maxLength: 12 })
const frees = upTo(40)

describe("The slots of an instance", () => {
  it("go to tenants by their weight when many are free at once", () => {
    const [a, b, c] = [one("a"), one("b", { weight: 2 }), one("c", { weight: 4 })]
    const book = grantAll(bookOf(a, b, c), 14)
    assert.deepStrictEqual(
      [a, b, c].map((lane) => held(book, lane)),
      [2, 4, 8]
    )
  })

  it.prop(
    "are all granted while anybody wants one, and never more than are wanted or free",
    [wants, frees],
    ([wants, free]) => {
      const lanes = wants.map((want, n) => one(`t${n % 4}`, { lane: `l${n}`, want, weight: 1 + (n % 4) }))
      const book = grantAll(bookOf(...lanes), free)
      const wanted = wants.reduce((sum, want) => sum + want, 0)
      assert.strictEqual(SlotBook.heldOf(book), Math.min(free, wanted))
      for (const lane of lanes) assert.isAtMost(held(book, lane), lane.want!)
    }
  )

  it("go inside a tenant to the lane whose first work has the lowest rank", () => {
    const [late, early] = [one("a", { lane: "late", rank: 9 }), one("a", { lane: "early", rank: 3 })]
    const book = grantAll(bookOf(late, early), 1)
    assert.deepStrictEqual(
      [late, early].map((lane) => held(book, lane)),
      [0, 1]
    )
  })

  it("are recalled from a tenant above its share for one below, and from nobody when all have theirs", () => {
    const [flood, calm] = [one("flood"), one("calm")]
    const full = grantAll(bookOf(flood), 4)
    assert.deepStrictEqual(recalls(full, 0), [])
    const waiting = ask(full, calm)
    assert.deepStrictEqual(recalls(waiting, 0), [{ key: keyOf(flood), count: 2 }])
    const even = SlotBook.granted(SlotBook.returned(waiting, keyOf(flood), 2, 100, 0), keyOf(calm), 2, 0)
    assert.deepStrictEqual(recalls(even, 0), [])
  })

  it("are recalled from a lane that has no use for them, whoever waits", () => {
    const [idle, busy] = [one("idle", { want: 4 }), one("busy")]
    const full = SlotBook.granted(grantAll(bookOf(idle), 4), keyOf(busy), 0, 0)
    const book = ask(ask(full, { ...idle, want: 1, rank: null }), busy)
    assert.deepStrictEqual(recalls(book, 0), [{ key: keyOf(idle), count: 3 }])
  })

  it("are recalled inside a tenant for work of a lower rank", () => {
    const [low, critical] = [one("a", { lane: "low", rank: 60_000 }), one("a", { lane: "critical", rank: 5, want: 1 })]
    const book = ask(grantAll(bookOf(low), 3), critical)
    assert.deepStrictEqual(recalls(book, 0), [{ key: keyOf(low), count: 1 }])
  })

  it.each([
    { name: "20 tenants of one weight on 8 slots", cap: 8, weights: Array.from({ length: 20 }, () => 1) },
    { name: "weights of 1, 2 and 4 on 3 slots", cap: 3, weights: [1, 2, 4] },
    { name: "weights of 1, 2 and 4 on 16 slots", cap: 16, weights: [1, 2, 4] }
  ])("serve each tenant within a tenth of its share in any minute: $name", ({ cap, weights }) => {
    const instance = new Instance(cap, () => 2_000)
    for (const [n, weight] of weights.entries()) instance.ask(one(`t${n}`, { weight }))
    instance.runUntil(60_000)
    const all = weights.reduce((sum, weight) => sum + weight, 0)
    for (let window = 0; window < 10; window++) {
      instance.served.clear()
      instance.runUntil(instance.now + 60_000)
      for (const [n, weight] of weights.entries()) {
        const fair = (60_000 * cap * weight) / all
        assert.closeTo(instance.served.get(`t${n}`)! / fair, 1, 0.1)
      }
    }
  })

  it("count the time that runs take: a tenant of long runs gets no more than one of short ones", () => {
    const instance = new Instance(4, (tenant) => (tenant === "long" ? 20_000 : 1_000))
    instance.ask(one("long"))
    instance.ask(one("short"))
    instance.runUntil(600_000)
    assert.closeTo(instance.served.get("long")! / instance.served.get("short")!, 1, 0.1)
  })

  it("reach a tenant that comes to a full instance with the next run that ends", () => {
    const instance = new Instance(4, () => 20_000)
    instance.ask(one("flood"))
    instance.runUntil(90_000)
    instance.ask(one("calm", { want: 1 }))
    instance.runUntil(instance.now + 20_000)
    assert.strictEqual(instance.runningOf("calm"), 1)
  })

  it("give a tenant nothing for the time in which it wanted none", () => {
    const instance = new Instance(4, () => 1_000)
    instance.ask(one("steady"))
    instance.runUntil(3_600_000)
    instance.ask(one("late"))
    instance.runUntil(3_610_000)
    instance.served.clear()
    instance.runUntil(3_670_000)
    assert.closeTo(instance.served.get("late")! / instance.served.get("steady")!, 1, 0.1)
  })

  it("count nothing while nobody waits: who used many then owes nothing when others come", () => {
    const instance = new Instance(8, () => 1_000)
    instance.ask(one("early", { want: 8 }))
    instance.runUntil(3_600_000)
    instance.ask(one("late", { want: 8 }))
    instance.served.clear()
    instance.runUntil(3_660_000)
    assert.closeTo(instance.served.get("early")! / instance.served.get("late")!, 1, 0.1)
  })

  it("do not swing between tenants: few change hands in a minute, however many runs end", () => {
    const instance = new Instance(8, () => 500)
    for (const weight of [1, 2, 4]) instance.ask(one(`t${weight}`, { weight }))
    instance.runUntil(60_000)
    instance.returned = 0
    instance.runUntil(120_000)
    assert.isAtMost(instance.returned, 60)
  })

  it("are recalled from whoever lacks them least when there are fewer than were given away", () => {
    const book = grantAll(bookOf(one("much", { want: 6 }), one("little", { want: 2 })), 8)
    assert.deepStrictEqual(recalls(book, 0), [])
    assert.deepStrictEqual(recalls(book, 0, 3), [{ key: keyOf(one("much")), count: 3 }])
  })

  it("are recalled inside a tenant also while another tenant is the next to get one", () => {
    const [low, critical] = [one("a", { lane: "low", rank: 60_000 }), one("a", { lane: "critical", rank: 5, want: 1 })]
    const other = one("b", { want: 2 })
    const full = grantAll(bookOf(low, other), 4)
    const book = ask(ask(full, { ...other, want: 9 }), critical)
    assert.deepStrictEqual(recalls(book, 0), [{ key: keyOf(low), count: 1 }])
  })
})

describe("What time alone changes", () => {
  const twoOf = (weight: number) => {
    const book = grantAll(bookOf(one("acme"), one("beta", { weight, want: 0 })), 4)
    return ask(book, one("beta", { weight, want: 4 }), 100)
  }

  it("is nothing while nobody waits, or only those who have more for their weight than all others", () => {
    assert.strictEqual(countAt(SlotBook.empty), Infinity)
    assert.strictEqual(countAt(grantAll(bookOf(one("acme", { want: 4 })), 4)), Infinity)
    assert.strictEqual(countAt(grantAll(bookOf(one("acme")), 4)), Infinity)
    assert.strictEqual(countAt(grantAll(bookOf(one("acme"), one("beta")), 4)), Infinity)
  })

  it("is counted a second after the last change while somebody waits who has less for his weight", () => {
    assert.strictEqual(countAt(twoOf(1)), 1_100)
    assert.strictEqual(countAt(SlotBook.counted(twoOf(1), 1_100)), 2_100)
  })

  it("brings a recall of what a tenant has had above its share", () => {
    const lanes = [one("acme"), one("beta")]
    let book = grantAll(bookOf(...lanes), 2)
    book = SlotBook.returned(book, keyOf(lanes[1]!), 1, 100, 0)
    book = SlotBook.granted(book, keyOf(lanes[0]!), 1, 0)
    book = { ...book, tenants: HashMap.modify(book.tenants, "beta", (use) => ({ ...use, service: 8_000 })) }
    assert.deepStrictEqual(recalls(book, 0), [])
    assert.deepStrictEqual(
      recalls(SlotBook.counted(book, 10_000), 10_000).map(({ key }) => key),
      [keyOf(lanes[0]!)]
    )
  })
})
