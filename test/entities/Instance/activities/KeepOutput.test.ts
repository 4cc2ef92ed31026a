import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { keepOutput } from "../../../../src/entities/Instance/activities/KeepOutput.ts"
import * as MemoryOutputs from "../../../../src/ports/MemoryOutputs.ts"
import { inlineMost, ofTask, Outputs, previewMost } from "../../../../src/ports/Outputs.ts"
import type { Attempt } from "../../../../src/schema/runs/Attempt.ts"
import { gatewayBounds } from "../../../../src/schema/text/Bounds.ts"
import { TaskId, TenantId } from "../../../../src/schema/Ids.ts"
import { wholeOf } from "../../../../src/schema/runs/Output.ts"

const tenantId = TenantId.make("acme")
const taskId = TaskId.make("essay")
const attempt: Attempt = {
  runKey: "essay.1",
  origin: { entityType: "Lane", entityId: "acme/main" },
  tenantId,
  taskId,
  sessionKey: "agent:main:essay",
  timeoutMillis: 60_000
}

/** What is told of an answer of so many characters, and what can be read of it. */
const keep = (characters: number) =>
  Effect.gen(function* () {
    const text = "x".repeat(characters)
    const kept = yield* keepOutput(attempt, { _tag: "completed", result: { text, durationMillis: 1 } })
    const outputs = yield* Outputs
    const pieces = wholeOf((from) => outputs.read(ofTask(tenantId, taskId, "essay.1"), from))
    return { result: kept._tag === "completed" ? kept.result : undefined, whole: yield* Stream.mkString(pieces) }
  }).pipe(Effect.provide(MemoryOutputs.layer))

describe("what a run said", () => {
  it.effect("is told whole while it is short", () =>
    Effect.map(keep(inlineMost), ({ result, whole }) => {
      assert.deepStrictEqual(result, { text: "x".repeat(inlineMost), durationMillis: 1 })
      assert.strictEqual(whole, "")
    })
  )

  it.effect("is told by its beginning and its size when it is long, and is whole to read, up to the bound", () =>
    Effect.map(keep(gatewayBounds.answer), ({ result, whole }) => {
      assert.strictEqual(result?.text.length, previewMost)
      const size = gatewayBounds.answer
      assert.deepStrictEqual(result?.stored, { runKey: "essay.1", characters: size, bytes: size })
      assert.strictEqual(whole.length, size)
    })
  )

  it.effect("says that it was cut one character above the bound, in a field and at the end of the text", () =>
    Effect.map(keep(gatewayBounds.answer + 1), ({ result, whole }) => {
      assert.isTrue(result?.stored?.truncated)
      assert.match(whole, / \[cut: 8000001 characters\]$/)
    })
  )
})
