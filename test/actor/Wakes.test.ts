import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { DerivedRows } from "../../src/actor/commit/DerivedRows.ts"
import type { WakeRow } from "../../src/actor/Journal.ts"
import { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import type { ActivationOptions } from "../../src/actor/runtime/ActivationOptions.ts"
import { Counter, layer as counterLayer } from "../fixtures/Counter.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"

/** The rows of an actor whose state is the wake-up that it asks for. */
const rowsOf = (stored?: WakeRow) => {
  const definition = {
    timers: ({ dueAt }: WakeRow) => (dueAt === null ? [] : [{ key: "it", at: dueAt }]),
    activities: ({ resident }: WakeRow) => (resident ? [{ key: "it" }] : [])
  }
  return new DerivedRows({ definition, encodeView: undefined } as unknown as ActivationOptions, "a", stored)
}

const commit = (rows: DerivedRows, state: WakeRow, now: number): WakeRow | undefined => {
  const derived = rows.of(state, now)
  rows.written(derived, now)
  return derived.wake
}

const at = (dueAt: number | null, resident = false): WakeRow => ({ dueAt, resident })

describe("The wake-up of an actor that commits many times a second", () => {
  it("is written a few times, and then only when it would come too late", () => {
    const rows = rowsOf()
    for (const dueAt of [100, 200, 300, 400]) assert.deepStrictEqual(commit(rows, at(dueAt), 0), at(dueAt))
    assert.isUndefined(commit(rows, at(500), 1))
    assert.isUndefined(commit(rows, at(null), 2))
    assert.deepStrictEqual(commit(rows, at(350), 3), at(350))
    assert.deepStrictEqual(commit(rows, at(600, true), 4), at(600, true))
    assert.isUndefined(commit(rows, at(700), 5))
    assert.deepStrictEqual(commit(rows, at(null, true), 999), undefined)
    assert.deepStrictEqual(commit(rows, at(700), 1_000), at(700))
  })

  it("is owed until it is written", () => {
    const rows = rowsOf()
    for (const dueAt of [100, 200, 300, 400]) commit(rows, at(dueAt), 0)
    assert.isUndefined(rows.owedAt(rows.wanted(at(400))))
    commit(rows, at(500), 1)
    assert.strictEqual(rows.owedAt(rows.wanted(at(500))), 1_000)
    commit(rows, at(500), 1_000)
    assert.isUndefined(rows.owedAt(rows.wanted(at(500))))
  })

  it("is owed at once by an actor that is loaded with another", () => {
    const rows = rowsOf(at(100, true))
    assert.strictEqual(rows.owedAt(rows.wanted(at(null))), 0)
  })

  it.effect("is what the state asks for a second after the last commit", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(1)
      const counter = (yield* ActorClient.make(Counter))("a")
      const stored = Effect.map(MemoryStore, ({ actors }) => actors.get("TestCounter/a")!)
      for (let n = 0; n < 10; n++) {
        yield* counter.Work({ job: `job ${n}` })
        while ((yield* counter.Get()) <= n) yield* TestClock.adjust(1)
      }
      assert.strictEqual((yield* stored).entries.length, 20)
      assert.deepStrictEqual((yield* stored).wake, at(null, true))
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual((yield* stored).wake, at(null))
      assert.strictEqual((yield* stored).entries.length, 20)
    }).pipe(Effect.provide(MemoryCluster.withActors(counterLayer())))
  )
})
