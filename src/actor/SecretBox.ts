/**
 * Port: encrypts the secrets of events and snapshots. The default has no key: secrets that an earlier version stored in
 * clear are still read, and none can be written.
 */
import { Context, Schema } from "effect"
import type { SecretEnvelope } from "../schema/Secret.ts"

/**
 * A secret could not be encrypted or read; nothing was written. `NoKey`: the process has no key to encrypt with.
 * `UnknownKey`: it has not the key `keyId` that the secret was encrypted with. `Unreadable`: the secret was changed,
 * moved from another place, or encrypted with another key of the same id.
 */
export class SecretFault extends Schema.TaggedError<SecretFault>()("SecretFault", {
  reason: Schema.Literals(["NoKey", "UnknownKey", "Unreadable"]),
  keyId: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}

export interface SecretBox {
  /** Id of the key that encrypts; undefined when there is none. */
  readonly current: string | undefined
  /** Encrypts `clear` for the one place that `place` names. Throws `SecretFault`. */
  readonly seal: (clear: string, place: string) => SecretEnvelope
  /** Decrypts what was sealed for `place`. Throws `SecretFault`. */
  readonly open: (envelope: SecretEnvelope, place: string) => string
}

export const noKeys: SecretBox = {
  current: undefined,
  seal: () => {
    throw new SecretFault({ reason: "NoKey", message: "no key to encrypt secrets with is given to this process" })
  },
  open: ({ key }) => {
    throw new SecretFault({
      reason: "UnknownKey",
      keyId: key,
      message: `a stored secret is encrypted with the key ${key}, which this process does not have`
    })
  }
}

export const SecretBox = Context.Reference<SecretBox>("clawster/actor/SecretBox", { defaultValue: () => noKeys })
