/** SHA-256, constant-time comparison, and secrets from the system's random generator. */
import { Effect } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Compares two hex digests in constant time: the duration reveals only whether their lengths differ. */
export const isSameDigest = (left: string, right: string): boolean => {
  const a = Buffer.from(left, "hex")
  const b = Buffer.from(right, "hex")
  return a.length === b.length && a.length > 0 && timingSafeEqual(a, b)
}

export const randomHex = (bytes: number): Effect.Effect<string> => Effect.sync(() => randomBytes(bytes).toString("hex"))

export const sha256Base64 = (text: string): string => createHash("sha256").update(text).digest("base64")
