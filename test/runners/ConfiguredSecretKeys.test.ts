import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SecretKeyFile from "../../src/runners/up/SecretKeyFile.ts"
import * as ConfiguredSecretKeys from "../../src/runners/ConfiguredSecretKeys.ts"
import { secretKeysText } from "../fixtures/SecretKeys.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "clawster-secrets-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const keysIn = (env: Record<string, string>) =>
  ConfiguredSecretKeys.keys.pipe(
    Effect.map((keys) => keys.map(({ id }) => id)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env))
  )

describe("The keys of a process", () => {
  it.effect("come from the environment or from a file, in their order", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "keys")
      writeFileSync(file, `# keys\n${secretKeysText("b")}\n${secretKeysText("a")}\n`)
      assert.deepStrictEqual(yield* keysIn({}), [])
      assert.deepStrictEqual(yield* keysIn({ CLAWSTER_SECRET_KEYS: secretKeysText("a", "b") }), ["a", "b"])
      assert.deepStrictEqual(yield* keysIn({ CLAWSTER_SECRET_KEYS_FILE: file }), ["b", "a"])
    })
  )

  it.effect("are refused by the setting's name when they cannot be used", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "keys")
      writeFileSync(file, "k1:hush")
      const messageOf = (env: Record<string, string>) => Effect.map(Effect.flip(keysIn(env)), ({ message }) => message)
      const short = yield* messageOf({ CLAWSTER_SECRET_KEYS_FILE: file })
      assert.match(short, /^CLAWSTER_SECRET_KEYS_FILE=.*keys: key k1 is not 32 bytes/)
      assert.notInclude(short, "hush")
      assert.match(yield* messageOf({ CLAWSTER_SECRET_KEYS_FILE: `${file}.not` }), /cannot be read: ENOENT/)
      const both = { CLAWSTER_SECRET_KEYS: secretKeysText("a"), CLAWSTER_SECRET_KEYS_FILE: file }
      assert.match(yield* messageOf(both), /both set; set one of them/)
    })
  )

  it.effect("are made once for a home, in a file that only its owner reads", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const file = yield* SecretKeyFile.ensure(home)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const [id] = yield* keysIn({ CLAWSTER_SECRET_KEYS_FILE: file })
      assert.match(id!, /^up-[0-9a-f]{8}$/)
      const text = readFileSync(file, "utf8")
      assert.strictEqual(yield* SecretKeyFile.ensure(home), file)
      assert.strictEqual(readFileSync(file, "utf8"), text)
    })
  )
})
