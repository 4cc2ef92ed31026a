/**
 * The administrator's key of a home: made at its first start, kept where the command line finds it, and used again as
 * long as it is good.
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

/** Of this gateway's cluster, and an administrator's. */
const isGood = (url: string, apiKey: string) =>
  Effect.tryPromise(async (signal) => {
    const answer = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${apiKey}` }, signal })
    return answer.status === 200 && Schema.is(Me)(await answer.json())
  }).pipe(
    Effect.timeout("5 seconds"),
    Effect.orElseSucceed(() => false)
  )

/** Only its owner may read it. */
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
