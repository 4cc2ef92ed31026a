/**
 * The administrator's API key of a home: created at the first start, stored where the command line finds it, and reused
 * as long as it is valid.
 */
import { Effect, Option, Schema } from "effect"
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { KeyService } from "../../auth/KeyService.ts"

const CliFile = Schema.fromJsonString(Schema.Struct({ url: Schema.String, apiKey: Schema.String }))
const Me = Schema.Struct({ role: Schema.Literal("admin") })

const file = (home: string) => join(home, "cli.json")

const kept = (home: string): string | undefined => {
  try {
    return Option.getOrUndefined(Schema.decodeUnknownOption(CliFile)(readFileSync(file(home), "utf8")))?.apiKey
  } catch {
    return undefined
  }
}

/** Whether the key belongs to this gateway's cluster and to an administrator. */
const isGood = (url: string, apiKey: string) =>
  Effect.tryPromise(async (signal) => {
    const answer = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${apiKey}` }, signal })
    return answer.status === 200 && Schema.is(Me)(await answer.json())
  }).pipe(
    Effect.timeout("5 seconds"),
    Effect.orElseSucceed(() => false)
  )

/** Stores the key in a file that only its owner can read. */
const keep = (home: string, url: string, apiKey: string) =>
  Effect.sync(() => {
    const draft = `${file(home)}.new`
    writeFileSync(draft, `${JSON.stringify({ url, apiKey }, null, 2)}\n`, { mode: 0o600 })
    chmodSync(draft, 0o600)
    renameSync(draft, file(home))
  })

export const ensure = Effect.fnUntraced(function* (home: string, url: string, keys: KeyService["Service"]) {
  const before = kept(home)
  const isKept = before !== undefined && (yield* isGood(url, before))
  const apiKey = isKept ? before : (yield* keys.create({ name: "clawster up", role: "admin" })).token
  yield* keep(home, url, apiKey)
  return apiKey
})
