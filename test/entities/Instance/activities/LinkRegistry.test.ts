import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryStore } from "../../../../src/actor/memory/MemoryJournal.ts"
import { performWith } from "../../../../src/entities/Instance/InstanceLayer.ts"
import { initial } from "../../../../src/entities/Instance/InstanceState.ts"
import * as MemoryPayloads from "../../../../src/entities/Instance/MemoryPayloads.ts"
import { LinkRegistry } from "../../../../src/entities/Instance/activities/LinkRegistry.ts"
import type { InstanceSelf } from "../../../../src/entities/Instance/activities/RunAttempt.ts"
import * as MemoryOutputs from "../../../../src/ports/MemoryOutputs.ts"
import { InstanceDrivers } from "../../../../src/instances/InstanceDriver.ts"
import { selfOf } from "../../../fixtures/Selves.ts"
import * as DriverSet from "../../../../src/instances/InstanceDriverSet.ts"

const self = (entityId: string): InstanceSelf => selfOf(entityId, () => initial)

const noDrivers = Layer.succeed(InstanceDrivers, DriverSet.make([]))
const around = Layer.mergeAll(MemoryOutputs.layer, MemoryPayloads.layer, noDrivers).pipe(
  Layer.provide(MemoryStore.layer)
)

describe("What a runner keeps of the links of its instances", () => {
  it.effect("is gone when an instance has been deregistered, however many there have been", () =>
    Effect.gen(function* () {
      const board = new LinkRegistry()
      const perform = performWith(board)
      for (let n = 0; n < 100; n++) {
        board.post(`instance-${n}`, 1).begun.add("task.1")
        yield* perform({ _tag: "Stop", key: "stop:1", start: 1 }, self(`instance-${n}`))
        if (n > 0) yield* perform({ _tag: "Erase", key: "erase:", start: 1 }, self(`instance-${n}`))
      }
      assert.strictEqual(board.size, 1)
      assert.isTrue(board.post("instance-0", 1).begun.has("task.1"))
    }).pipe(Effect.scoped, Effect.provide(around))
  )
})
