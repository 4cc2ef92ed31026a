/**
 * Writes each kind of event as this version stores it, for later versions to read: `node test/golden/captureEvents.ts
 * 0.1.0` makes a file of each actor type in `events/0.1.0`. Those of the version that is not released yet are written
 * anew when a kind or a field is added; those of a released one never are.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { eventSchemas, samplesOf } from "./Events.ts"

const [, , version] = process.argv
const folder = new URL(`./events/${version}/`, import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [type, schema] of Object.entries(eventSchemas)) {
  writeFileSync(new URL(`${type}.json`, folder), `${JSON.stringify(samplesOf(schema), null, 1)}\n`)
}
