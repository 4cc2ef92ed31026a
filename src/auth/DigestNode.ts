/** SHA-256, comparison in constant time, and secrets from the system's generator. */
import { Effect } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Two hex digests. Tells nothing by the time it takes, except whether their lengths differ. */
export const isSameDigest = (left: string, right: string): boolean => {
  const a = Buffer.from(left, "hex")
  const b = Buffer.from(right, "hex")
  return a.length === b.length && a.length > 0 && timingSafeEqual(a, b)
}

export const randomHex = (bytes: number): Effect.Effect<string> => Effect.sync(() => randomBytes(bytes).toString("hex"))

export const sha256Base64 = (text: string): string => createHash("sha256").update(text).digest("base64")
