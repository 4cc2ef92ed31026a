/**
 * The encryption of secrets in a simulated cluster: the real one, under a key that is no secret and with nonces that
 * follow from the run's seed, so that the same seed stores the same bytes.
 */
import type { SecretBox } from "../../actor/SecretBox.ts"
import * as AesSecretBox from "../../shards/secrets/AesSecretBox.ts"
import type { Prng } from "./Prng.ts"

const key = { id: "simulated", bytes: new Uint8Array(32).fill(7) }
const nonceBytes = 12

export const secretBox = (random: Prng): SecretBox =>
  AesSecretBox.make([key], () => Uint8Array.from({ length: nonceBytes }, () => random.int(0, 255)))

/** For who only reads. */
export const readingBox: SecretBox = AesSecretBox.make([key])
