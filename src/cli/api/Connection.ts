/**
 * The URL of the gateway and the API key: from flags, otherwise from the environment, otherwise from the file that
 * `clawster up` writes to its home. A key from the file is sent only to the gateway that the file names.
 */
import { Config, Effect, FileSystem, Option, Path, Redacted, Schema } from "effect"
import { BadSetup } from "./Api.ts"
import { ApiKey, Url } from "../GlobalFlags.ts"

export const defaultUrl = "http://127.0.0.1:7373"

/** Content of the file `.clawster/cli.json`. */
export const CliFile = Schema.Struct({ url: Schema.String, apiKey: Schema.String })
export type CliFile = typeof CliFile.Type

export interface Connection {
  readonly url: string
  readonly apiKey: Redacted.Redacted | undefined
}

const home = Config.String("CLAWSTER_HOME").pipe(Config.withDefault(".clawster"))
const environment = Config.all({
  url: Config.option(Config.String("CLAWSTER_URL")),
  apiKey: Config.option(Config.Redacted("CLAWSTER_API_KEY"))
})

export const cliFilePath = Effect.gen(function* () {
  return (yield* Path.Path).resolve(yield* home, "cli.json")
})

const file = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* cliFilePath
  if (!(yield* fs.exists(path))) return Option.none<CliFile>()
  return yield* fs.readFileString(path).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(CliFile))),
    Effect.map(Option.some),
    Effect.mapError(
      () =>
        new BadSetup({ message: `${path} cannot be read; expected {"url", "apiKey"}. Remove it, or run clawster up` })
    )
  )
})

const trimmed = (url: string) => url.replace(/\/+$/, "")

export const connection = Effect.gen(function* () {
  const given = { url: yield* Url, apiKey: yield* ApiKey }
  const env = yield* environment
  const named = Option.map(
    Option.orElse(given.url, () => env.url),
    trimmed
  )
  if (Option.isSome(named) && !/^https?:\/\/[^\s/]+/.test(named.value)) {
    return yield* new BadSetup({ message: `CLAWSTER_URL: expected an http:// or https:// URL, got ${named.value}` })
  }
  const apiKey = Option.orElse(given.apiKey, () => env.apiKey)
  const written = Option.isSome(named) && Option.isSome(apiKey) ? Option.none<CliFile>() : yield* file
  const url = Option.getOrElse(named, () =>
    trimmed(Option.match(written, { onNone: () => defaultUrl, onSome: (is) => is.url }))
  )
  const writtenKey = Option.flatMap(written, (is) =>
    trimmed(is.url) === url ? Option.some(Redacted.make(is.apiKey)) : Option.none()
  )
  return { url, apiKey: Option.getOrUndefined(Option.orElse(apiKey, () => writtenKey)) } satisfies Connection
}).pipe(
  Effect.catchTags({
    ConfigError: (error) => Effect.fail(new BadSetup({ message: error.message })),
    PlatformError: (error) => Effect.fail(new BadSetup({ message: error.message }))
  })
)
