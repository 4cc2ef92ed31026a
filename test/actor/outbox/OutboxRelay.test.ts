import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Latch, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Journal, OutboxMessage } from "../../../src/actor/Journal.ts"
import { type DeliverTo, OutboxRelay } from "../../../src/actor/outbox/OutboxRelay.ts"
import { heldMost, heldWeight, OutboxQueue } from "../../../src/actor/outbox/OutboxQueue.ts"

const address = { entityType: "Case", entityId: "one", shardId: "default:1" }

const message = (seq: number, targetId: string, payload: unknown = null): OutboxMessage => ({
  id: `Case/one/${seq}/0`,
  seq,
  ordinal: 0,
  targetType: "Case",
  targetId,
  tag: "Do",
  payload
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
  const outbox = new OutboxRelay(
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

/** A store of what was committed, and a pump that delivers from it once the gate is open. */
const stored = Effect.gen(function* () {
  const gate = yield* Latch.make()
  const committed: Array<OutboxMessage> = []
  const delivered = new Map<string, Array<number>>()
  const reads: Array<number> = []
  let seq = 0
  const journal = {
    acknowledge: () => Effect.void,
    outboxAfter: (_: unknown, last: { readonly seq: number }) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => {
          reads.push(last.seq)
          const behind = committed.filter((one) => one.seq > last.seq)
          return { items: behind.slice(0, 500), more: behind.length > 500 }
        })
      )
  } as unknown as Journal["Service"]
  const deliver: DeliverTo = (target, messages) =>
    Effect.andThen(
      target.entityId === "away" ? gate.await : Effect.void,
      Effect.sync(() => {
        const known = delivered.get(target.entityId) ?? []
        delivered.set(target.entityId, [...known, ...messages.map((one) => one.seq)])
      })
    )
  const outbox = new OutboxRelay(address, journal, deliver, () => {})
  const commit = (targetId: string) => {
    const one = message(++seq, targetId)
    committed.push(one)
    return Effect.forEach(outbox.offer([one], false), (relay) => Effect.forkScoped(relay), { discard: true })
  }
  const sent = (targetId: string) => committed.filter((one) => one.targetId === targetId).map((one) => one.seq)
  return { commit, delivered, gate, outbox, reads, sent }
})

describe("the messages to a receiver that is away", () => {
  it.effect(
    "are held up to a bound, and all delivered once and in order when it is back, also those that come meanwhile",
    () =>
      Effect.gen(function* () {
        const { commit, delivered, gate, outbox, reads, sent } = yield* stored
        for (let n = 0; n < 3 * heldMost; n++) yield* commit(n % 3 === 0 ? "there" : "away")
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(delivered.get("there"), sent("there"))
        assert.deepStrictEqual(reads, [])
        yield* gate.open
        for (let n = 0; n < 2_000; n++) {
          yield* commit("away")
          if (n % 7 === 0) yield* Effect.yieldNow
        }
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(delivered.get("away"), sent("away"))
        assert.isAtLeast(reads.length, 3)
        assert.isFalse(outbox.busy)
      })
  )

  it("hold no more than the bound in memory", () => {
    const queue = new OutboxQueue(message(1, "away"), false)
    for (let n = 2; n <= 10 * heldMost; n++) queue.offer(message(n, "away"))
    let held = 0
    for (let batch = queue.next(); batch.length > 0; batch = queue.next()) {
      held += batch.length
      queue.delivered(batch.length)
    }
    assert.strictEqual(held, heldMost)
    assert.isFalse(queue.isEmpty)
  })

  it("hold no more than a weight in memory, and one message however heavy it is", () => {
    const megabyte = "x".repeat(1_048_576)
    const queue = new OutboxQueue(message(1, "away", megabyte.repeat(20)), false)
    for (let n = 2; n <= 100; n++) queue.offer(message(n, "away", megabyte))
    assert.deepStrictEqual(
      queue.next().map(({ seq }) => seq),
      [1]
    )
    queue.delivered(1)
    assert.deepStrictEqual(queue.next(), [])
    assert.isFalse(queue.isEmpty)

    const other = new OutboxQueue(message(1, "away", megabyte), false)
    for (let n = 2; n <= 100; n++) other.offer(message(n, "away", megabyte))
    let held = 0
    for (let batch = other.next(); batch.length > 0; batch = other.next()) {
      held += batch.length
      other.delivered(batch.length)
    }
    assert.isAtMost(held, heldWeight / megabyte.length)
    assert.isFalse(other.isEmpty)
  })
})

describe("What an earlier life of an actor has left in its outbox", () => {
  it.effect("is held up to a weight, and delivered to each receiver once and in order", () =>
    Effect.gen(function* () {
      const megabyte = "x".repeat(1_048_576)
      const left = Array.from({ length: 64 }, (_, n) => message(n + 1, n % 4 === 3 ? "there" : "away", megabyte))
      const gate = yield* Latch.make()
      const reads: Array<number> = []
      const delivered: Record<string, Array<number>> = { there: [], away: [] }
      const after = (seq: number) => ({
        items: left.filter((one) => one.seq > seq).slice(0, 4),
        more: seq + 4 < left.length
      })
      const journal = {
        acknowledge: () => Effect.void,
        outboxAfter: (_: unknown, { seq }: { readonly seq: number }) =>
          Effect.sync(() => {
            reads.push(seq)
            return after(seq)
          })
      } as unknown as Journal["Service"]
      const deliver: DeliverTo = ({ entityId }, messages) =>
        Effect.andThen(
          entityId === "away" ? gate.await : Effect.void,
          Effect.sync(() => void delivered[entityId]!.push(...messages.map(({ seq }) => seq)))
        )
      const outbox = new OutboxRelay(address, journal, deliver, () => {})
      const relays = yield* outbox.restore(after(0))
      assert.deepStrictEqual(
        reads,
        Array.from({ length: 15 }, (_, n) => 4 * (n + 1))
      )
      yield* Effect.forEach(relays, (relay) => Effect.forkScoped(relay), { discard: true })
      yield* TestClock.adjust(1)
      reads.splice(0)
      yield* gate.open
      yield* TestClock.adjust(1)
      const sent = (targetId: string) => left.filter((one) => one.targetId === targetId).map(({ seq }) => seq)
      assert.deepStrictEqual(delivered, { there: sent("there"), away: sent("away") })
      assert.isAtLeast(reads.length, 4)
      assert.isFalse(outbox.busy)
    })
  )
})
