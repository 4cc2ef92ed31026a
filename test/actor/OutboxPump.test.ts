import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Latch, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Journal, OutboxMessage } from "../../src/actor/Journal.ts"
import { OutboxPump } from "../../src/actor/OutboxPump.ts"

const address = { entityType: "Case", entityId: "one", shardId: "default:1" }

const message = (seq: number, targetId: string): OutboxMessage => ({
  id: `Case/one/${seq}/0`,
  seq,
  ordinal: 0,
  targetType: "Case",
  targetId,
  tag: "Do",
  payload: null
})

const backlog = Effect.map(
  Metric.snapshot,
  (series) => (series.find(({ id }) => id === "clawster_outbox_backlog")?.state as { value: number } | undefined)?.value
)

/** A pump whose deliveries wait for `open`, in a scope that the test closes. */
const pump = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const gate = yield* Latch.make()
  const journal = { acknowledge: () => Effect.void } as unknown as Journal["Service"]
  const outbox = new OutboxPump(
    address,
    journal,
    () => gate.await,
    () => {}
  )
  const offer = (...messages: ReadonlyArray<OutboxMessage>) =>
    Effect.forEach(outbox.offer(messages, false), (relay) => Effect.forkIn(relay, scope), { discard: true }).pipe(
      Effect.andThen(TestClock.adjust(1))
    )
  return {
    offer,
    open: Effect.andThen(gate.open, TestClock.adjust(1)),
    drop: Effect.andThen(Scope.close(scope, Exit.void), TestClock.adjust(1))
  }
})

/** A registry of its own, so that tests do not see each other's counts. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

describe("the outbox backlog", () => {
  it.effect("holds what is committed until its receivers have taken it", () =>
    alone(
      Effect.gen(function* () {
        const { offer, open } = yield* pump
        yield* offer(message(1, "a"), message(2, "b"))
        assert.strictEqual(yield* backlog, 2)
        yield* offer(message(3, "a"))
        assert.strictEqual(yield* backlog, 3)
        yield* open
        assert.strictEqual(yield* backlog, 0)
      })
    )
  )

  it.effect("leaves out what was dropped from memory with its actor", () =>
    alone(
      Effect.gen(function* () {
        const [kept, dropped] = [yield* pump, yield* pump]
        yield* kept.offer(message(1, "a"))
        yield* dropped.offer(message(1, "a"), message(2, "b"), message(3, "b"))
        assert.strictEqual(yield* backlog, 4)
        yield* dropped.drop
        assert.strictEqual(yield* backlog, 1)
      })
    )
  )
})
