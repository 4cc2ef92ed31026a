import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Option, Path, Redacted } from "effect"
import { connection } from "../../../src/cli/api/Connection.ts"
import { ApiKey, Url } from "../../../src/cli/GlobalFlags.ts"

interface Given {
  readonly flags?: { readonly url?: string; readonly apiKey?: string }
  readonly env?: Record<string, string>
  readonly file?: string
}

/** What is resolved in a home of its own. */
const resolved = ({ env = {}, file, flags = {} }: Given) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const home = yield* fs.makeTempDirectoryScoped()
    if (file !== undefined) yield* fs.writeFileString((yield* Path.Path).join(home, "cli.json"), file)
    const { apiKey, url } = yield* connection.pipe(
      Effect.provideService(Url, Option.fromUndefinedOr(flags.url)),
      Effect.provideService(
        ApiKey,
        Option.map(Option.fromUndefinedOr(flags.apiKey), (key) => Redacted.make(key))
      ),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ CLAWSTER_HOME: home, ...env }))
    )
    return { url, apiKey: apiKey === undefined ? undefined : Redacted.value(apiKey) }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const file = JSON.stringify({ url: "http://127.0.0.1:4000", apiKey: "from-file" })
const env = { CLAWSTER_URL: "http://env:1/", CLAWSTER_API_KEY: "from-env" }

describe("connection", () => {
  it.effect("takes the flag before the environment, that before the file, and the usual address last", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* resolved({ flags: { url: "http://flag", apiKey: "f" }, env, file }), {
        url: "http://flag",
        apiKey: "f"
      })
      assert.deepStrictEqual(yield* resolved({ env, file }), { url: "http://env:1", apiKey: "from-env" })
      assert.deepStrictEqual(yield* resolved({ file }), { url: "http://127.0.0.1:4000", apiKey: "from-file" })
      assert.deepStrictEqual(yield* resolved({}), { url: "http://127.0.0.1:7373", apiKey: undefined })
    })
  )

  it.effect("never sends the file's key to another gateway", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* resolved({ flags: { url: "http://elsewhere" }, file }), {
        url: "http://elsewhere",
        apiKey: undefined
      })
      const same = yield* resolved({ flags: { url: "http://127.0.0.1:4000/" }, file })
      assert.strictEqual(same.apiKey, "from-file")
    })
  )

  it.effect("says which file or variable is wrong", () =>
    Effect.gen(function* () {
      const broken = yield* Effect.flip(resolved({ file: "{" }))
      assert.strictEqual(broken._tag, "BadSetup")
      assert.match(broken.message, /cli\.json cannot be read/)
      const bad = yield* Effect.flip(resolved({ env: { CLAWSTER_URL: "localhost:7373" } }))
      assert.match(bad.message, /CLAWSTER_URL: expected an http/)
    })
  )
})
