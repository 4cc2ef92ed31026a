import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, PubSub, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Fleet } from "../../../../src/ports/Fleet.ts"
import { Tenants } from "../../../../src/ports/tenants/Tenants.ts"
import { dispatch } from "../../../../src/entities/Lane/dispatch/DispatchActivity.ts"
import * as FleetWatch from "../../../../src/entities/Lane/dispatch/FleetWatch.ts"
import type { LaneSignal } from "../../../../src/entities/Lane/LaneSignal.ts"
import { initial, type LaneState } from "../../../../src/entities/Lane/LaneState.ts"
import { selfOf } from "../../../fixtures/Selves.ts"
import { LaneActor } from "../../../../src/entities/Lane/LaneActor.ts"
import { OtherUsage } from "../../../../src/entities/Lane/dispatch/OtherUsage.ts"
import type { LaneEvent } from "../../../../src/schema/events/LaneEvents.ts"
import { InstanceId } from "../../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../../src/schema/Instance.ts"
import type { TaskSpec } from "../../../../src/schema/Task.ts"
import type { TenantStatus } from "../../../../src/schema/Tenant.ts"
import { instanceStatus } from "../../../fixtures/Fleet.ts"
import { entityId, lane, taskSpec, tenantId } from "../LaneWorld.ts"

const submitted = (task: TaskSpec, rank = 0): LaneEvent => ({
  _tag: "task.submitted",
  tenantId,
  lane,
  at: 0,
  taskId: task.taskId,
  phase: "pending",
  rank,
  task
})

/**
 * A lane that folds what its dispatcher tells it, and a fleet that the test changes. Runs the dispatcher until the
 * scope closes.
 */
const bench = Effect.fnUntraced(function* (
  tasks: ReadonlyArray<TaskSpec>,
  prepare: (state: LaneState) => LaneState = (state) => state
) {
  const changes = yield* PubSub.unbounded<void>()
  const tenantChanges = yield* PubSub.unbounded<void>()
  let tenant: TenantStatus | undefined = { tenantId, state: "active", weight: 1, caps: {} }
  const tenants = {
    of: () => Effect.sync(() => tenant),
    refresh: Effect.void,
    changes: Stream.fromPubSub(tenantChanges)
  }
  let statuses: ReadonlyArray<InstanceStatus> = []
  const seen = { plans: 0, started: [] as Array<string>, startedAt: 0, rewinds: 0 }
  const fleet = Fleet.of({
    snapshot: Effect.sync(() => {
      seen.plans++
      return statuses
    }),
    changes: Stream.fromPubSub(changes)
  })
  let state = prepare(tasks.reduce((folded, task) => LaneActor.evolve(folded, submitted(task)), initial(entityId)))
  const apply = (events: ReadonlyArray<LaneEvent>) => {
    for (const event of events) state = LaneActor.evolve(state, event)
  }
  const tell = Effect.fnUntraced(function* (signal: LaneSignal) {
    const now = yield* Clock.currentTimeMillis
    const { events } = LaneActor.signal!(state, signal, { entityId, now, requestId: "signal", epoch: 1, seq: 1 })
    for (const event of events) {
      if (event._tag === "lane.internal_rewound") seen.rewinds++
      if (event._tag !== "task.started") continue
      seen.started.push(event.taskId)
      seen.startedAt = now
    }
    apply(events)
  })
  const watch = yield* FleetWatch.make.pipe(
    Effect.provideService(Fleet, fleet),
    Effect.provideService(Tenants, tenants)
  )
  yield* dispatch(
    selfOf(entityId, () => state, tell),
    watch,
    new OtherUsage()
  ).pipe(Effect.provideService(Fleet, fleet), Effect.provideService(Tenants, tenants), Effect.forkScoped)
  yield* TestClock.adjust(0)
  return {
    seen,
    apply,
    tenantIs: (next: Partial<TenantStatus> | undefined) =>
      Effect.suspend(() => {
        tenant = next === undefined ? undefined : { tenantId, state: "active", weight: 1, caps: {}, ...next }
        return PubSub.publish(tenantChanges, undefined)
      }).pipe(Effect.andThen(TestClock.adjust(0))),
    fleetIs: (next: ReadonlyArray<InstanceStatus>) =>
      Effect.suspend(() => {
        statuses = next
        return PubSub.publish(changes, undefined)
      }).pipe(Effect.andThen(TestClock.adjust(0)))
  }
})

const nowhere = taskSpec("nowhere", { hints: { requiredCapabilities: ["gpu"] } })

describe("the dispatcher of a lane", () => {
  it.effect("plans ever more seldom, and never stops, while nothing changes and no instance can serve its tasks", () =>
    Effect.gen(function* () {
      const { seen } = yield* bench([nowhere])
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(seen.plans, 9)
      const before = seen.plans
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(seen.plans - before, 1)
      assert.isAtMost(seen.plans - before, 3)
    })
  )

  it.effect("starts a task in the moment that an instance appears, however long it has rested", () =>
    Effect.gen(function* () {
      const { fleetIs, seen } = yield* bench([nowhere])
      yield* TestClock.adjust("10 minutes")
      const before = yield* Clock.currentTimeMillis
      yield* fleetIs([instanceStatus("i1", { capabilities: ["gpu"] })])
      assert.deepStrictEqual(seen.started, ["nowhere"])
      assert.strictEqual(seen.startedAt, before)
    })
  )

  it.effect("starts nothing while its tenant may not work or is not known yet, and at once when it may", () =>
    Effect.gen(function* () {
      const { fleetIs, seen, tenantIs } = yield* bench([taskSpec("a"), taskSpec("b"), taskSpec("c")])
      yield* tenantIs(undefined)
      yield* fleetIs([instanceStatus("i1")])
      assert.deepStrictEqual(seen.started, [])
      yield* tenantIs({ state: "suspended" })
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(seen.started, [])
      yield* tenantIs({ caps: { running: 2 } })
      assert.strictEqual(seen.started.length, 2)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(seen.started.length, 2)
      yield* tenantIs({})
      assert.strictEqual(seen.started.length, 3)
    })
  )

  it.effect("rests as briefly as at first after a change that did not help", () =>
    Effect.gen(function* () {
      const { fleetIs, seen } = yield* bench([nowhere])
      yield* TestClock.adjust("10 minutes")
      yield* fleetIs([instanceStatus("i1")])
      const before = seen.plans
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(seen.plans - before, 3)
    })
  )

  it.effect("tries a busy instance again when that one said, though the fleet does not change", () =>
    Effect.gen(function* () {
      const { apply, fleetIs, seen } = yield* bench([nowhere])
      const gpu = instanceStatus("i1", { capabilities: ["gpu"], maxConcurrentTasks: 0 })
      yield* fleetIs([gpu])
      yield* TestClock.adjust("10 minutes")
      yield* fleetIs([{ ...gpu, maxConcurrentTasks: 8 }])
      assert.strictEqual(seen.started.length, 1)
      const busyUntil = (yield* Clock.currentTimeMillis) + 1_234
      apply([
        {
          _tag: "task.requeued",
          tenantId,
          lane,
          at: busyUntil - 1_234,
          taskId: nowhere.taskId,
          attempt: 1,
          instanceId: InstanceId.make("i1"),
          reason: "all slots are taken",
          busyUntil
        }
      ])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(seen.started.length, 2)
      assert.strictEqual(seen.startedAt, busyUntil)
    })
  )

  it.effect("takes up what it skipped soon after the fleet has changed, and seldom when it has not", () =>
    Effect.gen(function* () {
      const skipping = (state: LaneState): LaneState => ({
        ...state,
        pending: { ...state.pending, gap: { from: { order: 0, taskId: nowhere.taskId }, skipped: 0 } }
      })
      const still = yield* bench([nowhere], skipping)
      const changing = yield* bench([nowhere], skipping)
      yield* TestClock.adjust("1 second")
      yield* changing.fleetIs([instanceStatus("i1")])
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual([still.seen.rewinds, changing.seen.rewinds], [0, 1])
      yield* TestClock.adjust("24 seconds")
      assert.strictEqual(still.seen.rewinds, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(still.seen.rewinds, 1)
    })
  )
})
