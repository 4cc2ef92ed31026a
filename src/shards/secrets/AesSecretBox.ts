/**
 * Encrypts secrets with AES-256-GCM of Node's `crypto`. The nonce is 96 random bits, drawn for each secret: one key may
 * encrypt some 4 × 10^9 secrets before a nonce repeats with a probability of 2^-32 (NIST SP 800-38D). The key's id, the
 * version and the place are authenticated with the secret.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { Layer } from "effect"
import { SecretBox, SecretFault } from "../../actor/SecretBox.ts"
import type { SecretKey } from "./SecretKeys.ts"

const algorithm = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

const bound = (key: string, place: string) => Buffer.from(JSON.stringify(["clawster", "v1", key, place]))

/** The first key encrypts, all of them decrypt. `nonce`: 12 bytes that were never returned before. */
export const make = (
  keys: ReadonlyArray<SecretKey>,
  nonce: () => Uint8Array = () => randomBytes(nonceBytes)
): SecretBox => {
  const byId = new Map(keys.map(({ bytes, id }) => [id, bytes]))
  const [first] = keys
  const known = keys.length === 0 ? "none" : keys.map(({ id }) => id).join(", ")

  const unreadable = (keyId: string) =>
    new SecretFault({
      reason: "Unreadable",
      keyId,
      message: `a stored secret cannot be decrypted with the key ${keyId}: it was changed or moved, or CLAWSTER_SECRET_KEYS has another key under this id`
    })

  return {
    current: first?.id,
    seal: (clear, place) => {
      if (first === undefined) {
        throw new SecretFault({
          reason: "NoKey",
          message:
            "there is no key to encrypt secrets with: set CLAWSTER_SECRET_KEYS or CLAWSTER_SECRET_KEYS_FILE on every runner"
        })
      }
      const iv = nonce()
      const cipher = createCipheriv(algorithm, first.bytes, iv, { authTagLength: tagBytes })
      cipher.setAAD(bound(first.id, place))
      const data = Buffer.concat([cipher.update(clear, "utf8"), cipher.final(), cipher.getAuthTag()])
      return {
        $secret: "v1",
        key: first.id,
        nonce: Buffer.from(iv).toString("base64"),
        data: data.toString("base64")
      }
    },
    open: ({ data: encoded, key: keyId, nonce: iv }, place) => {
      const bytes = byId.get(keyId)
      if (bytes === undefined) {
        throw new SecretFault({
          reason: "UnknownKey",
          keyId,
          message: `a stored secret is encrypted with the key ${keyId}; add that key to CLAWSTER_SECRET_KEYS or CLAWSTER_SECRET_KEYS_FILE (known here: ${known})`
        })
      }
      try {
        const data = Buffer.from(encoded, "base64")
        const decipher = createDecipheriv(algorithm, bytes, Buffer.from(iv, "base64"), { authTagLength: tagBytes })
        decipher.setAAD(bound(keyId, place))
        decipher.setAuthTag(data.subarray(data.length - tagBytes))
        const clear = decipher.update(data.subarray(0, data.length - tagBytes))
        return Buffer.concat([clear, decipher.final()]).toString("utf8")
      } catch {
        throw unreadable(keyId)
      }
    }
  }
}

/** Encrypts and decrypts the secrets of the actors above it. */
export const layer = (keys: ReadonlyArray<SecretKey>) => Layer.succeed(SecretBox, make(keys))
