import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ActorDirectory } from "../../../src/actor/runtime/ActorDirectory.ts"
import { Departed } from "../../../src/actor/outbox/Departed.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"

const message = {
  id: "Case/one/1/0",
  seq: 1,
  ordinal: 0,
  targetType: "Nowhere",
  targetId: "gone",
  tag: "Do",
  payload: null
}

const deliver = (entityId: string) =>
  Effect.flatMap(ActorDirectory, (directory) =>
    Effect.exit(directory.deliver({ entityType: "Nowhere", entityId }, [message], true))
  )

describe("a message to an actor that cannot be reached", () => {
  it.effect("that is tried again counts as delivered when the actor has departed, and not otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* deliver("gone"))._tag, "Success")
      assert.strictEqual((yield* deliver("away"))._tag, "Failure")
    }).pipe(
      Effect.provide(
        MemoryCluster.layer.pipe(
          Layer.provide(Layer.succeed(Departed, (_, entityId) => Effect.succeed(entityId === "gone")))
        )
      )
    )
  )
})
