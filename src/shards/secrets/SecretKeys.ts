/** The keys that secrets are encrypted with, as an operator writes them: `id:base64`, separated by commas or lines. */
import { Result } from "effect"

export interface SecretKey {
  /** Stored with each secret. It never names another key. */
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Uint8Array
}

const keyBytes = 32
/** An old key is kept until nothing is encrypted with it, so few are enough. */
const keysMost = 32
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const base64 = /^[A-Za-z0-9+/]+={0,2}$/

export const expected = `id:base64,…: ids of letters, digits, dot, underscore and hyphen, keys of ${keyBytes} bytes; the first encrypts`

/** The keys in their order. The fault says which of them is wrong, and never what it is. */
export const parse = (text: string): Result.Result<ReadonlyArray<SecretKey>, string> => {
  const given = text
    .split(/[,\n\r]/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
  const keys: Array<SecretKey> = []
  for (const [index, one] of given.entries()) {
    const colon = one.indexOf(":")
    const [id, value] = [one.slice(0, colon).trim(), one.slice(colon + 1).trim()]
    if (colon < 0 || !idPattern.test(id)) return Result.fail(`key ${index + 1} does not begin with an id and a colon`)
    const bytes = base64.test(value) ? Buffer.from(value, "base64") : Buffer.alloc(0)
    if (bytes.length !== keyBytes) return Result.fail(`key ${id} is not ${keyBytes} bytes in base64`)
    if (keys.some((key) => key.id === id)) return Result.fail(`two keys have the id ${id}`)
    keys.push({ id, bytes })
  }
  if (keys.length === 0) return Result.fail("there is no key")
  return keys.length > keysMost ? Result.fail(`there are more than ${keysMost} keys`) : Result.succeed(keys)
}
