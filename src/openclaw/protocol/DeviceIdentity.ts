/**
 * The Ed25519 key that identifies this Clawster to a gateway that is not reached over loopback: without one, a token
 * from another address connects but is granted no scope. The key pair is generated once and kept in a file that only we
 * may read. The first connection requests pairing, which the gateway's owner approves.
 */
import { Effect, Schema } from "effect"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"

const IdentityFile = Schema.Struct({ version: Schema.Literal(1), privateKeyPem: Schema.String })
const IdentityJson = Schema.fromJsonString(IdentityFile)

export interface DeviceIdentity {
  /** Hex SHA-256 of the raw public key. */
  readonly id: string
  /** Raw public key, base64url. */
  readonly publicKey: string
  readonly sign: (text: string) => string
}

/** The file cannot be read, written or decoded; `message` names the file and the remedy. */
export class DeviceIdentityUnavailable extends Schema.TaggedError<DeviceIdentityUnavailable>()(
  "DeviceIdentityUnavailable",
  { file: Schema.String, message: Schema.String, cause: Schema.Defect() }
) {}

/**
 * Reads the key pair, or generates it when the file is absent. When several processes race, all end with the same pair.
 */
export const load = Effect.fn("DeviceIdentity.load")(function* (file: string) {
  const unavailable = (message: string) => (cause: unknown) => new DeviceIdentityUnavailable({ file, message, cause })
  const present = yield* read(file).pipe(Effect.mapError(unavailable(`Cannot read the device key ${file}`)))
  const text =
    present ??
    (yield* create(file).pipe(
      Effect.mapError(unavailable(`Cannot write the device key ${file}; is the folder writable?`))
    ))
  const stored = yield* Schema.decodeEffect(IdentityJson)(text).pipe(
    Effect.mapError(unavailable(`${file} is not a device key of Clawster. Move it away, and pair again`))
  )
  return yield* Effect.try({
    try: () => identityOf(Crypto.createPrivateKey(stored.privateKeyPem)),
    catch: unavailable(`${file} holds no Ed25519 private key. Move it away, and pair again`)
  })
})

const read = (file: string) =>
  Effect.tryPromise({
    try: () =>
      Fs.readFile(file, "utf8").catch((error: NodeJS.ErrnoException) =>
        error.code === "ENOENT" ? undefined : Promise.reject(error)
      ),
    catch: (cause) => cause
  })

/**
 * Writes a draft beside the target and links it into place, so that the first of several writers wins and no process
 * reads a partial file.
 */
const create = (file: string) =>
  Effect.tryPromise({
    try: async () => {
      await Fs.mkdir(Path.dirname(file), { recursive: true })
      const { privateKey } = Crypto.generateKeyPairSync("ed25519")
      const text = JSON.stringify({ version: 1, privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }) })
      const draft = `${file}.${Crypto.randomUUID()}`
      await Fs.writeFile(draft, text, { mode: 0o600, flag: "wx" })
      await Fs.link(draft, file).catch((error: NodeJS.ErrnoException) =>
        error.code === "EEXIST" ? undefined : Promise.reject(error)
      )
      await Fs.rm(draft)
      return Fs.readFile(file, "utf8")
    },
    catch: (cause) => cause
  })

const identityOf = (privateKey: Crypto.KeyObject): DeviceIdentity => {
  const raw = rawPublicKey(Crypto.createPublicKey(privateKey))
  return {
    id: Crypto.createHash("sha256").update(raw).digest("hex"),
    publicKey: raw.toString("base64url"),
    sign: (text) => Crypto.sign(null, Buffer.from(text), privateKey).toString("base64url")
  }
}

/** The SPKI form of an Ed25519 key ends with its 32 raw bytes. */
const rawPublicKey = (publicKey: Crypto.KeyObject): Buffer => {
  if (publicKey.asymmetricKeyType !== "ed25519") throw new Error("not an Ed25519 key")
  return publicKey.export({ type: "spki", format: "der" }).subarray(-32)
}
