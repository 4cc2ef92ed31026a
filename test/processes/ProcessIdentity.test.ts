import { assert, describe, it } from "@effect/vitest"
import { identify, isAlive, statFields } from "../../src/processes/ProcessIdentity.ts"

describe("ProcessIdentity", () => {
  it("knows this process, and not another one with its pid", () => {
    const self = identify(process.pid)
    assert.isDefined(self)
    assert.isTrue(isAlive(self!))
    assert.isFalse(isAlive({ ...self!, startedAt: `${self!.startedAt}1` }))
  })

  it("knows no process for a pid that nobody has", () => {
    assert.isUndefined(identify(2 ** 22 + 1))
  })

  it("reads the fields behind a process name with spaces and parentheses", () => {
    const fields = statFields("123 (a ) b (c) S 1 123 123 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 11 0 987654 1000")
    assert.deepStrictEqual([fields[0], fields[11], fields[12], fields[19]], ["S", "50", "60", "987654"])
  })
})
