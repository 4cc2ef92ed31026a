/** What every reader of views must do, seen by an actor that is none of Clawster's own. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import { Entity, type Sharding } from "effect/cluster"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import { ViewReads } from "../../src/ports/ViewReads.ts"

const Shelf = Entity.fromRpcGroup(
  "TestShelf",
  protocol(
    command("Put", { payload: { tenantId: Schema.String, books: Schema.Int, label: Schema.NullOr(Schema.String) } }),
    command("Remove", {})
  )
)

/** Every view can be read as this. */
const Shown = Schema.Struct({ tenantId: Schema.String, books: Schema.Int, label: Schema.NullOr(Schema.String) })
/** A view without a label cannot be read as this. */
const Labelled = Schema.Struct({ tenantId: Schema.String, label: Schema.String })

const State = Schema.Struct({ shown: Schema.NullOr(Shown) })
const Event = Schema.Union([Schema.TaggedStruct("shelf.put", Shown.fields), Schema.TaggedStruct("shelf.removed", {})])

/** To be run where the views that the subject reads are written. */
export const shelves = ActorLayer.layer(
  Actor.define<typeof State.Type, typeof Event.Type>()({
    entity: Shelf,
    state: State,
    event: Event,
    stateVersion: 1,
    initial: () => ({ shown: null }),
    evolve: (_, event) => {
      if (event._tag === "shelf.removed") return { shown: null }
      const { _tag, ...shown } = event
      return { shown }
    },
    commands: {
      Put: (_, shown) => Actor.accept([{ _tag: "shelf.put", ...shown }], undefined),
      Remove: () => Actor.accept([{ _tag: "shelf.removed" }], undefined)
    },
    view: {
      schema: Shown,
      of: ({ shown }) => (shown === null ? undefined : { tenantId: shown.tenantId, doc: shown })
    }
  })
)

export interface ViewReadsCase {
  readonly name: string
  readonly layer: Layer.Layer<ViewReads | Sharding.Sharding, unknown>
}

const shelf = (id: string) => Effect.map(ActorClient.make(Shelf), (shelves) => shelves(id))

const put = (tenantId: string, id: string, books: number, label: string | null = id) =>
  Effect.flatMap(shelf(id), (one) => one.Put({ tenantId, books, label }))

const labelsOf = (page: { readonly items: ReadonlyArray<{ readonly label: string | null }> }) =>
  page.items.map(({ label }) => label)

export const conformance = (subject: ViewReadsCase) => {
  it.layer(subject.layer, { timeout: 120_000, excludeTestServices: true })(`${subject.name} view reads`, (it) => {
    it.effect("show what a command has changed as soon as it is answered, and nothing of an actor without a view", () =>
      Effect.gen(function* () {
        const views = yield* ViewReads
        assert.isUndefined(yield* views.get(Shelf, Shown, "one"))
        yield* put("first", "one", 1)
        assert.deepStrictEqual(yield* views.get(Shelf, Shown, "one"), { tenantId: "first", books: 1, label: "one" })
        yield* put("first", "one", 2)
        assert.strictEqual((yield* views.get(Shelf, Shown, "one"))?.books, 2)
        assert.isUndefined(yield* views.get({ type: "TestOther" }, Shown, "one"))
        yield* Effect.flatMap(shelf("one"), (one) => one.Remove())
        assert.isUndefined(yield* views.get(Shelf, Shown, "one"))
        assert.deepStrictEqual((yield* views.list(Shelf, Shown, { tenantId: "first", limit: 10 })).items, [])
      })
    )

    it.effect("list by entity id, page after page, each view once", () =>
      Effect.gen(function* () {
        const views = yield* ViewReads
        for (const id of ["p3", "p1", "p5", "p2", "p4"]) yield* put("paged", id, 1)
        const found: Array<string | null> = []
        let after: string | undefined
        do {
          const page = yield* views.list(Shelf, Shown, { tenantId: "paged", after, limit: 2 })
          assert.isAtMost(page.items.length, 2)
          found.push(...labelsOf(page))
          after = page.next
        } while (after !== undefined)
        assert.deepStrictEqual(found, ["p1", "p2", "p3", "p4", "p5"])
      })
    )

    it.effect("show one tenant its own views, and all to whoever names none", () =>
      Effect.gen(function* () {
        const views = yield* ViewReads
        yield* put("mine", "t1", 1)
        yield* put("yours", "t2", 1)
        assert.deepStrictEqual(labelsOf(yield* views.list(Shelf, Shown, { tenantId: "mine", limit: 10 })), ["t1"])
        const all = labelsOf(yield* views.list(Shelf, Shown, { limit: 1_000 }))
        assert.includeMembers(all, ["t1", "t2"])
        assert.deepStrictEqual((yield* views.list({ type: "TestOther" }, Shown, { limit: 10 })).items, [])
      })
    )

    it.effect("list only what has some, and fill the page with it", () =>
      Effect.gen(function* () {
        const views = yield* ViewReads
        for (const [id, books] of [
          ["h1", 0],
          ["h2", 3],
          ["h3", 0],
          ["h4", 1]
        ] as const)
          yield* put("having", id, books)
        const page = yield* views.list(Shelf, Shown, { tenantId: "having", limit: 2, having: ["books"] })
        assert.deepStrictEqual([labelsOf(page), page.next], [["h2", "h4"], undefined])
        const odd = ["it's", "label"] as unknown as ["books"]
        assert.deepStrictEqual(
          (yield* views.list(Shelf, Shown, { tenantId: "having", limit: 9, having: odd })).items,
          []
        )
      })
    )

    it.effect("pass over what the schema cannot decode, and go on behind it", () =>
      Effect.gen(function* () {
        const views = yield* ViewReads
        yield* put("odd", "u1", 1)
        yield* put("odd", "u2", 1, null)
        yield* put("odd", "u3", 1)
        const first = yield* views.list(Shelf, Labelled, { tenantId: "odd", limit: 2 })
        assert.deepStrictEqual(labelsOf(first), ["u1"])
        const second = yield* views.list(Shelf, Labelled, { tenantId: "odd", limit: 2, after: first.next })
        assert.deepStrictEqual([labelsOf(second), second.next], [["u3"], undefined])
        assert.isUndefined(yield* views.get(Shelf, Labelled, "u2"))
        assert.strictEqual((yield* views.get(Shelf, Labelled, "u3"))?.label, "u3")
      })
    )
  })
}
