/**
 * Values that no store may hold in clear. In memory such a value is `Redacted`, so that it is not printed by mistake;
 * on the wire between processes of a cluster it is the plain text. In events and snapshots it is an envelope, which the
 * actor kit writes and opens wherever the schema of an event or a state has this marker.
 */
import { Schema, SchemaAST } from "effect"

const mark = "clawster/secret"

/** The schema of a secret text. `text` says which texts are valid. */
export const Secret = (text: Schema.Codec<string> = Schema.String): Schema.RedactedFromValue<Schema.Codec<string>> =>
  Schema.RedactedFromValue(text.annotate({ [mark]: true }) as Schema.Codec<string>)

/** Whether this part of a schema's encoded side is a secret's text. */
export const isSecretText = (ast: SchemaAST.AST): boolean => SchemaAST.resolveAt<boolean>(mark)(ast) === true

/**
 * A secret as it is stored: AES-256-GCM under the key with the id `key`. `nonce` and `data` (the ciphertext and its
 * tag) are base64.
 */
export interface SecretEnvelope {
  readonly $secret: "v1"
  readonly key: string
  readonly nonce: string
  readonly data: string
}

const Envelope = Schema.Struct({
  $secret: Schema.Literal("v1"),
  key: Schema.String,
  nonce: Schema.String,
  data: Schema.String
})

export const isSecretEnvelope: (value: unknown) => value is SecretEnvelope = Schema.is(Envelope)
