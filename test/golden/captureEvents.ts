/**
 * Writes each kind of event as this version stores it, for later versions to read: `node test/golden/captureEvents.ts
 * 0.1.0` makes `events.0.1.0.json`. The file of the version that is not released yet is written anew when a kind or a
 * field is added; one that was released never is.
 */
import { writeFileSync } from "node:fs"
import { eventSchemas, samplesOf } from "./Events.ts"

const [, , version] = process.argv
const events = Object.fromEntries(Object.entries(eventSchemas).map(([type, schema]) => [type, samplesOf(schema)]))
writeFileSync(new URL(`./events.${version}.json`, import.meta.url), `${JSON.stringify(events, null, 1)}\n`)
