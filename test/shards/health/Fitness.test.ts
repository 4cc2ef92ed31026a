import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Fitness, fit, next, present, type Sample } from "../../../src/shards/health/Fitness.ts"

const well: Sample = {
  descriptors: { open: 50, most: 1_000 },
  lagMillis: 5,
  rssBytes: 1,
  wrote: true,
  othersWrite: true,
  serves: true,
  leaseMillis: 6_000
}

const after = (samples: ReadonlyArray<Partial<Sample>>): Fitness =>
  samples.reduce<Fitness>((fitness, sample) => next(fitness, { ...well, ...sample }), fit)
const times = (count: number, sample: Partial<Sample>) => Array.from({ length: count }, () => sample)

describe("A runner that looks at itself", () => {
  it("cannot serve when its descriptors are used up for three rounds, and says so at the first", () => {
    const full = { descriptors: { open: 950, most: 1_000 } }
    assert.match(present({ ...well, ...full })!, /950 of its 1000 file descriptors/)
    assert.isUndefined(after(times(2, full)).cause)
    assert.match(after(times(3, full)).cause!, /file descriptors/)
    assert.isUndefined(after([...times(2, full), {}, ...times(2, full)]).cause)
  })

  it("cannot serve when its event loop, its writes or its own actors fail for long", () => {
    assert.match(after(times(5, { lagMillis: 3_000 })).cause!, /event loop/)
    assert.match(after(times(4, { wrote: false })).cause!, /while other runners can/)
    assert.match(after(times(4, { serves: false })).cause!, /own actors/)
  })

  it("does not take a database that is away for everybody for its fault", () => {
    assert.isUndefined(after(times(100, { wrote: false, othersWrite: false, serves: false })).cause)
  })

  it.prop(
    "does not leave for one bad round",
    { open: Schema.Int, lagMillis: Schema.Int, wrote: Schema.Boolean, serves: Schema.Boolean },
    (one) => {
      const { open, ...rest } = one
      assert.isUndefined(after([{ ...rest, descriptors: { open, most: 100 } }, {}]).cause)
    }
  )
})
