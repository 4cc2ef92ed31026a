/**
 * Values that no store may hold in clear. On the wire between processes of a cluster they are plain. In events and
 * snapshots each is an envelope, which the actor kit writes and opens wherever the schema of an event or a state has
 * this marker.
 */
import { Schema, SchemaAST } from "effect"

const mark = "clawster/secret"

/**
 * The schema of a secret text. `text` says which texts are valid. In memory the value is `Redacted`, so that it is not
 * printed by mistake.
 */
export const Secret = (text: Schema.Codec<string> = Schema.String): Schema.RedactedFromValue<Schema.Codec<string>> =>
  Schema.RedactedFromValue(text.annotate({ [mark]: "text" }) as Schema.Codec<string>)

/** JSON that may have secrets anywhere. It is encrypted as a whole, except `null`; in memory it is what it is. */
export const SecretJson = Schema.Json.annotate({ [mark]: "json" })

/** What secret this part of a schema's encoded side is, if it is one. */
export const secretKind = (ast: SchemaAST.AST): "text" | "json" | undefined =>
  SchemaAST.resolveAt<"text" | "json">(mark)(ast)

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
