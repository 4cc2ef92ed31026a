/** The keys with which this process encrypts secrets, from its settings. */
import { Config, Effect, Layer, Option, Redacted, Result } from "effect"
import { readFileSync } from "node:fs"
import * as AesSecretBox from "../shards/secrets/AesSecretBox.ts"
import * as KeyRegistry from "../shards/secrets/KeyRegistry.ts"
import * as SecretKeys from "../shards/secrets/SecretKeys.ts"
import { StartFailed } from "./launch/StartFailed.ts"
import * as Catalogue from "./settings/Catalogue.ts"

const [inText, inFile] = [Catalogue.secretKeys.name, Catalogue.secretKeysFile.name]

const refused = (message: string) =>
  new StartFailed({
    message,
    advice: `a key is made with: echo "k1:$(openssl rand -base64 32)"; give every runner the same`
  })

const read = (file: string) =>
  Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (error) => refused(`${inFile}=${file} cannot be read: ${(error as Error).message}`)
  })

/** Empty when no key is given. The message of a failure names the setting and holds no key. */
export const keys = Effect.gen(function* () {
  const given = yield* Config.all({ text: Catalogue.secretKeys.config, file: Catalogue.secretKeysFile.config })
  const text = Option.map(given.text, Redacted.value)
  if (Option.isSome(text) && Option.isSome(given.file)) {
    return yield* refused(`${inText} and ${inFile} are both set; set one of them`)
  }
  if (Option.isNone(text) && Option.isNone(given.file)) return []
  const name = Option.isSome(text) ? inText : `${inFile}=${Option.getOrElse(given.file, () => "")}`
  const all = Option.isSome(text) ? text.value : yield* read(Option.getOrElse(given.file, () => ""))
  const parsed = SecretKeys.parse(all)
  return Result.isSuccess(parsed)
    ? parsed.success
    : yield* refused(`${name}: ${parsed.failure}; expected ${SecretKeys.expected}`)
})

/**
 * Encrypts and decrypts the secrets of this process's actors. Without a key the process starts, reads what is stored in
 * clear, and refuses to store a secret. Fails when a key cannot be used, or is another than the database knows.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const given = yield* keys
    yield* KeyRegistry.register(given)
    return AesSecretBox.layer(given)
  })
)
