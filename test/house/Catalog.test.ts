/**
 * The catalogue of actors has all of them, and its two halves fit: what is public (rpc/Catalog.ts) and what a runner
 * loads (entities/catalog/Actors.ts). Most of it is held by types, which the lines below that must not compile check.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync } from "node:fs"
import { actors, type ActorsByType } from "../../src/entities/catalog/Actors.ts"
import { type ActorType, catalog, eventSchemas, tagOf } from "../../src/rpc/Catalog.ts"
import { isPublicTag } from "../../src/schema/feed/Feed.ts"
import { publicEventTypes } from "../../src/rpc/PublicEvents.ts"

const { Session, ...others } = actors
const { Lane } = actors

// @ts-expect-error: an actor is missing
export const withoutSession: ActorsByType = others

// @ts-expect-error: another actor stands in its place
export const twice: ActorsByType = { ...actors, Session: Lane }

const { definition, layer } = Session

export const otherEvents: ActorsByType = {
  ...actors,
  // @ts-expect-error: it stores other events than its entry says
  Session: { layer, definition: { ...definition, event: Lane.definition.event } }
}

export const otherView: ActorsByType = {
  ...actors,
  // @ts-expect-error: its view is of another status than its entry says
  Session: { layer, definition: { ...definition, view: Lane.definition.view! } }
}

export const otherEntity: ActorsByType = {
  ...actors,
  // @ts-expect-error: it has the address of another
  Session: { layer, definition: { ...definition, entity: Lane.definition.entity } }
}

const namesIn = (folder: string, pattern: RegExp): ReadonlyArray<string> =>
  readdirSync(new URL(`../../src/${folder}/`, import.meta.url), { recursive: true, encoding: "utf8" })
    .flatMap((path) => pattern.exec(path)?.[1] ?? [])
    .toSorted()

const types = Object.keys(catalog).toSorted()

describe("The catalogue of actors", () => {
  it("has every actor that has a folder, and every file of events", () => {
    assert.deepStrictEqual(namesIn("entities", /^([A-Z]\w*)\/\1Actor\.ts$/), types)
    assert.deepStrictEqual(namesIn("schema/events", /^(\w+)Events\.ts$/), types)
  })

  it("says of each actor the events that it stores and the status that it shows", () => {
    for (const [type, { definition }] of Object.entries(actors)) {
      const { events, status } = catalog[type as ActorType]
      assert.strictEqual<unknown>(definition.event, events, type)
      assert.strictEqual<unknown>(definition.view?.schema, status, type)
    }
  })

  it("declares the tables of every actor that writes rows", () => {
    for (const [type, { definition }] of Object.entries(actors)) {
      const { rows, tables = [] }: { readonly rows?: unknown; readonly tables?: ReadonlyArray<unknown> } = definition
      assert.strictEqual(tables.length > 0, rows !== undefined, type)
    }
  })

  it("gives the feed the public events of every actor", () => {
    const tags = eventSchemas.flatMap(([, events]) => events.map(tagOf)).filter(isPublicTag)
    assert.includeMembers([...publicEventTypes], tags)
  })
})
