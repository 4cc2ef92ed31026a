import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as AesSecretBox from "../../../src/shards/secrets/AesSecretBox.ts"
import * as SecretKeys from "../../../src/shards/secrets/SecretKeys.ts"
import { faultOf } from "../../fixtures/SecretFaults.ts"
import { secretKey, secretKeysText } from "../../fixtures/SecretKeys.ts"

const box = (...ids: ReadonlyArray<string>) => AesSecretBox.make(ids.map(secretKey))

describe("The encryption of secrets", () => {
  it("gives back what it sealed, with the first key and with a later one", () => {
    const sealed = box("a").seal("pässword", "place")
    assert.strictEqual(box("a").open(sealed, "place"), "pässword")
    assert.strictEqual(box("b", "a").open(sealed, "place"), "pässword")
    assert.strictEqual(box("b", "a").seal("x", "place").key, "b")
  })

  it("never writes the text, nor the same envelope twice", () => {
    const [one, two] = [box("a").seal("hush", "place"), box("a").seal("hush", "place")]
    assert.notInclude(JSON.stringify(one), "hush")
    assert.notInclude(JSON.stringify(one), Buffer.from("hush").toString("base64"))
    assert.notStrictEqual(one.data, two.data)
  })

  it("refuses an envelope of another place", () => {
    const sealed = box("a").seal("hush", "acme")
    const fault = faultOf(() => box("a").open(sealed, "other"))
    assert.deepInclude(fault, { reason: "Unreadable", keyId: "a" })
    assert.notInclude(fault.message, "hush")
  })

  it("refuses an envelope of which any part was changed", () => {
    const sealed = box("a", "b").seal("hush", "place")
    const other = (text: string) =>
      Buffer.from(text, "base64")
        .map((byte) => byte ^ 1)
        .toString()
    const changes = [
      { ...sealed, data: Buffer.from(other(sealed.data), "latin1").toString("base64") },
      { ...sealed, data: "" },
      { ...sealed, data: sealed.data.slice(0, 8) },
      { ...sealed, nonce: "" },
      { ...sealed, nonce: box("a").seal("hush", "place").nonce },
      { ...sealed, key: "b" }
    ]
    for (const changed of changes) {
      assert.strictEqual(faultOf(() => box("a", "b").open(changed, "place")).reason, "Unreadable")
    }
  })

  it("names the key that it does not have, and says which it has", () => {
    const fault = faultOf(() => box("a").open(box("old").seal("hush", "place"), "place"))
    assert.deepInclude(fault, { reason: "UnknownKey", keyId: "old" })
    assert.match(fault.message, /the key old; add that key to CLAWSTER_SECRET_KEYS .*known here: a/)
  })

  it("names the setting when there is no key at all", () => {
    const fault = faultOf(() => box().seal("hush", "place"))
    assert.strictEqual(fault.reason, "NoKey")
    assert.include(fault.message, "CLAWSTER_SECRET_KEYS")
  })
})

describe("The keys as an operator writes them", () => {
  const faultIn = (text: string) => Result.getOrThrow(Result.flip(SecretKeys.parse(text)))
  const [good] = [secretKeysText("a")]

  it("are separated by commas or lines, with room for comments", () => {
    const text = `# made in May\n${secretKeysText("new")}\n\n  ${secretKeysText("old")} ,${secretKeysText("older")}\n`
    const keys = Result.getOrThrow(SecretKeys.parse(text))
    assert.deepStrictEqual(
      keys.map(({ id }) => id),
      ["new", "old", "older"]
    )
    assert.strictEqual(Buffer.compare(keys[1]!.bytes, secretKey("old").bytes), 0)
  })

  it.each([
    ["", /no key/],
    ["abc", /key 1 does not begin with an id/],
    [`${good},b:short`, /key b is not 32 bytes/],
    [`a:${"!".repeat(44)}`, /key a is not 32 bytes/],
    [`${good},${good}`, /two keys have the id a/],
    [`${"a".repeat(65)}:${good!.slice(2)}`, /key 1 does not begin/],
    [Array.from({ length: 33 }, (_, n) => secretKeysText(`k${n}`)).join(","), /more than 32 keys/]
  ])("are refused with what is wrong, and without the key: %s", (text, message) => {
    const fault = faultIn(text)
    assert.match(fault, message)
    assert.notInclude(fault, good!.slice(2))
  })
})
