import { assert, describe, it } from "@effect/vitest"
import { findings, type SecretsFound } from "../../../src/runners/doctor/SecretKeysCheck.ts"

const well: SecretsFound = {
  given: ["new", "old"],
  known: [
    { keyId: "new", uses: 12 },
    { keyId: "old", uses: 0 }
  ],
  sweep: { keyId: "new", inClear: 0, underOthers: 0, ageMillis: 300_000 },
  remoteInstances: 3
}

const found = (change: Partial<SecretsFound>) => {
  const [one] = findings({ ...well, ...change })
  return `${one!.level} ${one!.found}`
}

describe("The doctor, of secrets", () => {
  it("says which keys are in use, and which may be dropped", () => {
    assert.strictEqual(found({}), "ok new encrypts; 5 min ago new: 12, old: 0 (may be dropped)")
  })

  it("does not say that a key may be dropped before a sweep under the new one has ended", () => {
    const known = [
      { keyId: "new", uses: undefined },
      { keyId: "old", uses: 12 }
    ]
    const sweep = { keyId: "old", inClear: 0, underOthers: 0, ageMillis: 1 }
    assert.strictEqual(
      found({ known, sweep }),
      "ok new encrypts; nothing has been swept under it yet; as last counted: new: not counted yet, old: 12"
    )
  })

  it("fails when a key is missing that may be in use, and not when it is one that is not", () => {
    assert.match(found({ given: ["old"] }), /^fail .*not given here: new$/)
    assert.match(found({ given: ["new"] }), /^ok/)
    assert.match(found({ given: [] }), /^fail/)
  })

  it("warns of what a sweep had to leave, and of tokens in clear where no key was ever given", () => {
    assert.match(
      found({ sweep: { ...well.sweep!, inClear: 1, underOthers: 2 } }),
      /^warn .*clear 1, under other keys 2$/
    )
    assert.match(found({ given: [], known: [], sweep: undefined }), /^warn 3 remote instances/)
    assert.match(found({ given: [], known: [], sweep: undefined, remoteInstances: 0 }), /^ok no key/)
  })
})
