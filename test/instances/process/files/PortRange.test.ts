import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { basePorts, candidates, defaultPortRange } from "../../../../src/instances/process/files/PortRange.ts"

const Range = Schema.Struct({
  first: Schema.Int.check(Schema.isBetween({ minimum: 1_024, maximum: 65_535 })),
  last: Schema.Int.check(Schema.isBetween({ minimum: 1_024, maximum: 70_000 })),
  step: Schema.Int.check(Schema.isBetween({ minimum: -5, maximum: 200 }))
})

describe("PortRange", () => {
  it.prop("has bases inside the range, at least 20 apart, and no port beyond 65535", [Range], ([range]) => {
    const ports = basePorts(range)
    for (const [index, port] of ports.entries()) {
      assert.isTrue(port >= range.first && port <= range.last && port <= 65_535)
      if (index > 0) assert.isAtLeast(port - ports[index - 1]!, 20)
    }
    assert.strictEqual(ports.length > 0, range.first <= range.last)
  })

  it.prop(
    "offers each free port once, the instance's own first, and no taken one",
    [Range, Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })))],
    ([range, indices]) => {
      const ports = basePorts(range)
      const taken = new Set(indices.flatMap((index) => ports[index] ?? []))
      const preferred = ports[indices[0] ?? 0]
      const offered = candidates(range, taken, preferred)
      assert.strictEqual(new Set(offered).size, offered.length)
      assert.deepStrictEqual(
        offered.toSorted((left, right) => left - right),
        ports.filter((port) => !taken.has(port))
      )
      if (preferred !== undefined && !taken.has(preferred)) assert.strictEqual(offered[0], preferred)
    }
  )

  it("starts at 19100 by default and has room for 600 gateways", () => {
    assert.deepStrictEqual(basePorts(defaultPortRange).slice(0, 2), [19_100, 19_120])
    assert.strictEqual(basePorts(defaultPortRange).length, 600)
  })
})
