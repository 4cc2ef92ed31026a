/** What every store of outputs must do. */
import { assert, it } from "@effect/vitest"
import { Effect, type Layer, Stream } from "effect"
import { ofTask, type OutputAddress, Outputs } from "../../src/ports/Outputs.ts"
import { TaskId, TenantId } from "../../src/schema/Ids.ts"
import { wholeOf } from "../../src/schema/runs/Output.ts"

export interface OutputsCase {
  readonly name: string
  readonly layer: Layer.Layer<Outputs, unknown>
}

const addressOf = (task: string, tenant = "acme") => ofTask(TenantId.make(tenant), TaskId.make(task), `${task}.1`)

/** Characters of one, two and three bytes, and pairs of surrogates at every place. */
const textOf = (characters: number): string => "aé漢𝄞bc漢𝄞".repeat(characters / 10)

const partsOf = (address: OutputAddress) =>
  Effect.flatMap(Outputs, (outputs) => Stream.runCollect(wholeOf((from) => outputs.read(address, from))))

export const conformance = (subject: OutputsCase) => {
  it.layer(subject.layer, { timeout: 120_000, excludeTestServices: true })(`${subject.name} outputs`, (it) => {
    it.effect("keep a long text whole, and give it in parts of bounded size", () =>
      Effect.gen(function* () {
        const outputs = yield* Outputs
        const text = textOf(3_000_000)
        const stored = yield* outputs.put(addressOf("long"), text)
        assert.deepStrictEqual(stored, {
          runKey: "long.1",
          characters: text.length,
          bytes: new TextEncoder().encode(text).length
        })
        const parts = yield* partsOf(addressOf("long"))
        assert.isTrue(parts.join("") === text, "the parts together are the text")
        assert.isAbove(parts.length, 4)
        assert.isTrue(parts.every((part) => part.length <= 600_000 && part.isWellFormed()))
      })
    )

    it.effect("keep what was put first, so that a run that is recorded twice has one output", () =>
      Effect.gen(function* () {
        const outputs = yield* Outputs
        const [first, second] = [textOf(100_000), textOf(200_000)]
        const stored = yield* outputs.put(addressOf("twice"), first)
        assert.deepStrictEqual(yield* outputs.put(addressOf("twice"), first), stored)
        assert.deepStrictEqual(yield* outputs.put(addressOf("twice"), second), stored)
        assert.isTrue((yield* partsOf(addressOf("twice"))).join("") === first)
      })
    )

    it.effect("tell apart the tasks of two tenants", () =>
      Effect.gen(function* () {
        const outputs = yield* Outputs
        yield* outputs.put(addressOf("same", "acme"), "of acme")
        yield* outputs.put(addressOf("same", "globex"), "of globex")
        assert.deepStrictEqual(yield* partsOf(addressOf("same", "globex")), ["of globex"])
        assert.deepStrictEqual(yield* partsOf(addressOf("other")), [""])
      })
    )
  })
}
