/** The rule by which events evolve (docs/actors.md), held by the events of each version. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { eventSchemas, kindsOf, samplesOf, type StoredEvent, unreadable } from "./Events.ts"
import packageJson from "../../package.json" with { type: "json" }

const folder = new URL("./events/", import.meta.url)
/** `VERSION/TYPE.json` */
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))
const typeOf = (file: string) => file.replace(/^.*\/|\.json$/g, "")
const goldenOf = (file: string): ReadonlyArray<StoredEvent> => JSON.parse(readFileSync(new URL(file, folder), "utf8"))

describe("The events that an earlier version stored", () => {
  it.each(files)("%s are all read: no kind is lost, and no field is asked of them that they have not", (name) => {
    assert.deepStrictEqual(unreadable(eventSchemas[typeOf(name)]!, goldenOf(name)), [])
  })

  it("are there for each kind that this version stores: capture them (captureEvents.ts) when one is added", () => {
    for (const [type, schema] of Object.entries(eventSchemas)) {
      const golden = goldenOf(`${packageJson.version}/${type}.json`)
      assert.deepStrictEqual([...new Set(golden.map(({ _tag }) => _tag))], kindsOf(schema), type)
    }
  })
})

describe("The check of how events evolve", () => {
  const before = Schema.Union([
    Schema.TaggedStruct("a.made", { name: Schema.String }),
    Schema.TaggedStruct("a.gone", { why: Schema.optionalKey(Schema.String) })
  ])
  const stored = samplesOf(before)
  const gone = Schema.TaggedStruct("a.gone", { why: Schema.optionalKey(Schema.String) })

  it("has each kind with and without its optional fields", () => {
    assert.deepStrictEqual(stored, [
      { _tag: "a.made", name: "text" },
      { _tag: "a.made", name: "text" },
      { _tag: "a.gone" },
      { _tag: "a.gone", why: "text" }
    ] as ReadonlyArray<StoredEvent>)
    assert.deepStrictEqual(unreadable(before, stored), [])
  })

  it("finds a field that is required and was not there, a kind that is lost, and a type that has changed", () => {
    const required = Schema.TaggedStruct("a.made", { name: Schema.String, size: Schema.Int })
    const other = Schema.TaggedStruct("a.made", { name: Schema.Int })
    const mustSay = Schema.TaggedStruct("a.gone", { why: Schema.String })
    const kinds = (schema: Schema.Top) => unreadable(schema, stored).map((fault) => fault.slice(0, 6))
    assert.deepStrictEqual(kinds(Schema.Union([required, gone])), ["a.made", "a.made"])
    assert.deepStrictEqual(kinds(Schema.Union([other, gone])), ["a.made", "a.made"])
    assert.deepStrictEqual(kinds(Schema.Union([gone])), ["a.made", "a.made"])
    assert.deepStrictEqual(kinds(Schema.Union([before.members[0], mustSay])), ["a.gone"])
  })

  it("lets pass a field that is optional or has a decoding default, and a kind that is added", () => {
    const grown = Schema.TaggedStruct("a.made", {
      name: Schema.String,
      note: Schema.optionalKey(Schema.String),
      size: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1)))
    })
    const added = Schema.TaggedStruct("a.moved", { to: Schema.String })
    assert.deepStrictEqual(unreadable(Schema.Union([grown, gone, added]), stored), [])
  })
})
