/** What a caller may conclude when an actor does not answer, and what the client does with it. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { type CommitFault, MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { moving, refuseAll } from "../../src/actor/commit/CommandBatch.ts"
import type { Mail } from "../../src/actor/runtime/Mailbox.ts"
import { ActorUnavailable } from "../../src/schema/Errors.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import { inVirtualTime } from "../fixtures/VirtualTime.ts"

const withCounter = Effect.provide(MemoryCluster.withActors(counterLayer()))

const counterA = Effect.gen(function* () {
  yield* TestClock.adjust(1)
  return (yield* ActorClient.make(Counter))("a")
})

const failEach = (fault: CommitFault) =>
  Effect.map(MemoryStore, (store) => {
    store.faults.next = () => fault
  })

describe("An actor that does not answer", () => {
  it.effect("may have run the command when its commits fail, and says so", () =>
    Effect.gen(function* () {
      const counter = yield* counterA
      yield* failEach("refuse")
      const error = yield* inVirtualTime(Effect.flip(counter.Add({ by: 1 }, { timeoutMillis: 2_000 })))
      assert.instanceOf(error, ActorUnavailable)
      assert.isTrue((error as ActorUnavailable).mayHaveRun)
    }).pipe(withCounter)
  )

  it("may have run what was sent again, though this attempt was refused unread", () => {
    const told: Array<ActorUnavailable> = []
    const request = (again: boolean): Mail => ({
      _tag: "Request",
      tag: "Add",
      payload: { by: 1 },
      requestId: "r",
      fingerprint: null,
      weight: 1,
      again,
      resume: (exit) => void (Exit.isFailure(exit) && told.push(Cause.squash(exit.cause) as ActorUnavailable))
    })
    refuseAll([request(false), request(true)], moving)
    assert.deepStrictEqual(
      told.map(({ mayHaveRun }) => mayHaveRun),
      [false, true]
    )
  })

  it("ran nothing when it is moving, full or unknown, and may have run when the connection or the time is lost", () => {
    const of = (reason: ActorUnavailable["reason"]) =>
      new ActorUnavailable({ message: "", retryAfterMillis: 0, ...(reason === undefined ? {} : { reason }) }).mayHaveRun
    assert.deepStrictEqual((["Moving", "Overloaded", "UnknownActor", "StoreUnavailable"] as const).map(of), [
      false,
      false,
      false,
      false
    ])
    assert.deepStrictEqual((["CommitInDoubt", "ConnectionLost", "TimedOut", undefined] as const).map(of), [
      true,
      true,
      true,
      true
    ])
  })
})
