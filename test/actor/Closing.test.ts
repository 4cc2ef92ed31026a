import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { Entity } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Actor from "../../src/actor/Actor.ts"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../src/actor/ActorLayer.ts"
import { command, protocol } from "../../src/actor/Protocol.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

const Worker = Entity.fromRpcGroup("TestWorker", protocol(command("Begin", {})))
const Event = Schema.TaggedStruct("worker.began", {})
type Signal = { readonly _tag: "Ended" }

const definition = Actor.define<boolean, typeof Event.Type, Signal, { readonly key: string }>()({
  entity: Worker,
  state: Schema.Boolean,
  event: Event,
  stateVersion: 1,
  initial: () => false,
  evolve: () => true,
  commands: { Begin: () => Actor.accept([{ _tag: "worker.began" }], undefined) },
  signal: () => Actor.note([]),
  activities: (busy) => (busy ? [{ key: "work" }] : [])
})

/** An activity that reports its own end, and what it is told then. */
const worker = (log: Array<string>) =>
  ActorLayer.layer(definition, {
    perform: (_, self) =>
      Effect.sync(() => log.push("began")).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() =>
          Effect.matchEffect(self.tell({ _tag: "Ended" }), {
            onSuccess: () => Effect.sync(() => void log.push("told")),
            onFailure: ({ _tag }) => Effect.sync(() => void log.push(_tag))
          })
        )
      )
  })

describe("An actor that is put away", () => {
  it.effect("refuses what its activities say while they end, and waits for their end", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(MemoryCluster.withActors(worker(log)), scope)
      yield* TestClock.adjust(1)
      const one = (yield* Effect.provideContext(ActorClient.make(Worker), context))("a")
      yield* one.Begin()
      for (let step = 0; step < 100 && log.length === 0; step++) yield* TestClock.adjust(10)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      for (let step = 0; step < 100 && closing.pollUnsafe() === undefined; step++) yield* TestClock.adjust(10)
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(log, ["began", "ActorUnavailable"])
    })
  )
})
