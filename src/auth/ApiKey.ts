/**
 * API keys: `claw_<keyId>_<secret>`. The id is public and is used to look up the key. The secret has 256 random bits
 * and only its SHA-256 is stored; with that much entropy a slow hash would add no security.
 */
import { Effect } from "effect"
import { randomHex, sha256Hex } from "./DigestNode.ts"

const prefix = "claw"
const shape = new RegExp(`^${prefix}_([a-z0-9]{8,32})_([0-9a-f]{64})$`)
/** Longer than any key. Longer tokens are rejected without being matched. */
const longest = 128

export interface ParsedKey {
  readonly keyId: string
  readonly hash: string
}

export const parse = (token: string): ParsedKey | undefined => {
  const match = token.length > longest ? null : shape.exec(token)
  return match === null ? undefined : { keyId: match[1]!, hash: sha256Hex(match[2]!) }
}

export const draw = Effect.fnUntraced(function* (keyId?: string) {
  const id = keyId ?? (yield* randomHex(8))
  const secret = yield* randomHex(32)
  return { keyId: id, hash: sha256Hex(secret), token: `${prefix}_${id}_${secret}` }
})
