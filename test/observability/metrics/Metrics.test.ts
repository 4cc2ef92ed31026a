import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { ClusterMetrics } from "effect/cluster"
import * as ActorMetrics from "../../../src/observability/metrics/ActorMetrics.ts"
import * as DomainMetrics from "../../../src/observability/metrics/DomainMetrics.ts"
import * as EdgeMetrics from "../../../src/observability/metrics/EdgeMetrics.ts"
import * as FleetMetrics from "../../../src/observability/metrics/FleetMetrics.ts"
import * as GatewayMetrics from "../../../src/observability/metrics/GatewayMetrics.ts"
import * as JournalMetrics from "../../../src/observability/metrics/JournalMetrics.ts"
import { clusterMetrics, type MetricName, metrics } from "../../../src/observability/metrics/Names.ts"
import { record } from "../../../src/observability/metrics/Metrics.ts"
import * as OwnershipMetrics from "../../../src/observability/metrics/OwnershipMetrics.ts"
import * as ProcessMetricsNode from "../../../src/observability/metrics/ProcessMetricsNode.ts"
import { InstanceId, defaultPlacement } from "../../../src/schema/Ids.ts"
import type { InstanceStatus } from "../../../src/schema/Instance.ts"
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { TestClock } from "effect/testing"

const instance = (id: string, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  instanceId: InstanceId.make(id),
  driver: "simulated",
  placement: defaultPlacement,
  tenancy: { _tag: "shared" },
  capabilities: [],
  allowedModels: [],
  maxConcurrentTasks: 4,
  maxConcurrentSessions: 4,
  phase: "warm",
  health: "healthy",
  occupancy: "warm",
  breaker: "closed",
  load: { runningTasks: 2, activeSessions: 0, queuedTasks: 0 },
  restarts: 0,
  registeredAt: 0,
  ...more
})

/** Runs every recorder there is, once. */
const everything = Effect.gen(function* () {
  const batches = ActorMetrics.batches("Lane", yield* Effect.context<never>())
  batches.committed(0.01, 3)
  batches.mailFound(2)
  batches.messageDied("threw")
  yield* ActorMetrics.loaded("Lane")
  yield* ActorMetrics.timeDelivery("Instance", Effect.void)
  yield* ActorMetrics.outboxChanged(2)
  yield* ActorMetrics.setBack("Lane")
  yield* JournalMetrics.timeFlush(5, Effect.void)
  yield* OwnershipMetrics.runnerLost("refused")
  yield* DomainMetrics.committed([{ _tag: "task.completed" }, { _tag: "task.failed" }, { _tag: "session.created" }])
  yield* DomainMetrics.committed([{ _tag: "run.ended", durationMillis: 1_500, status: "completed" } as never])
  yield* DomainMetrics.committed([{ _tag: "session.turn_completed" }])
  yield* DomainMetrics.laneWaited(20)
  yield* record("clawster_health_check", 1, { check: "database" })
  yield* record("clawster_health_age_seconds", 2, {})
  yield* EdgeMetrics.timeRequest({ method: "GET", route: "/health" }, () => "2xx", Effect.void)
  yield* EdgeMetrics.timeRead(Effect.void)
  yield* Effect.ignore(EdgeMetrics.timeRead(Effect.fail("no")))
  yield* EdgeMetrics.feedAge(20)
  yield* GatewayMetrics.linkLost("Unreachable")
  yield* GatewayMetrics.sessionDeleted
})

const sources = (instances: () => ReadonlyArray<InstanceStatus>) => ({
  counts: Effect.succeed({ pending: 7, retrying: 1 }),
  instances: Effect.sync(instances)
})

const fleet = Effect.gen(function* () {
  yield* Effect.forkScoped(Effect.never.pipe(Effect.provide(FleetMetrics.layer(sources(() => [instance("i1")])))))
  yield* TestClock.adjust("1 millis")
})

const collectGarbage = () => {
  setFlagsFromString("--expose-gc")
  ;(runInNewContext("gc") as () => void)()
}

/** Until a reading has seen a major collection. */
const ofTheProcess = Effect.gen(function* () {
  yield* Layer.build(ProcessMetricsNode.layer)
  yield* Effect.gen(function* () {
    collectGarbage()
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    yield* TestClock.adjust("5 seconds")
    return yield* PrometheusMetrics.format()
  }).pipe(Effect.repeat({ until: (text) => text.includes("nodejs_heap_after_gc_bytes") }))
})

/** Families of the text: their kind, and the labels of their samples. */
const families = (text: string) => {
  const found: Record<string, { kind: string; help: boolean; labels: ReadonlyArray<string> }> = {}
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    const help = /^# HELP (\S+) /.exec(line)
    if (help !== null) found[help[1]!] = { kind: "", help: true, labels: [] }
    if (type !== null) found[type[1]!] = { help: false, labels: [], ...found[type[1]!], kind: type[2]! }
    const sample = /^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} /.exec(line)
    const family = sample === null ? undefined : found[sample[1]!]
    if (family !== undefined) {
      family.labels = [...sample![2]!.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== "le")
    }
  }
  return found
}

/** A registry of its own, so that tests do not see each other's counts. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

describe("Metrics", () => {
  it.effect("exports what is in the list, with its kind and labels, and nothing else", () =>
    alone(
      Effect.gen(function* () {
        yield* everything
        yield* fleet
        yield* ofTheProcess
        const exported = families(yield* PrometheusMetrics.format())
        const listed = Object.entries<MetricName>(metrics).map(
          ([name, { kind, labels }]) => [name, { kind, help: true, labels: [...labels] }] as const
        )
        assert.deepStrictEqual(exported, Object.fromEntries(listed))
      })
    )
  )

  it.effect("lists what the cluster exports by itself", () =>
    alone(
      Effect.gen(function* () {
        for (const metric of Object.values(ClusterMetrics)) yield* Metric.value(metric as Metric.Metric<never, unknown>)
        const exported = families(yield* PrometheusMetrics.format())
        assert.deepStrictEqual(
          Object.fromEntries(Object.entries(exported).map(([name, { kind }]) => [name, kind])),
          Object.fromEntries(Object.entries(clusterMetrics).map(([name, { kind }]) => [name, kind]))
        )
      })
    )
  )

  it("names follow the rules: letters and underscores, counters end in _total, what is ours and not asked for has a prefix, as has what is of Node", () => {
    const asked = [
      "task_queue_depth",
      "task_execution_time",
      "instance_health",
      "cross_instance_latency",
      "tasks_total",
      "lane_wait_duration"
    ]
    for (const [name, { boundaries, kind }] of Object.entries<MetricName>(metrics)) {
      assert.match(name, /^[a-z][a-z0-9_]*$/)
      assert.strictEqual(kind === "counter", name.endsWith("_total"), name)
      assert.isTrue(asked.includes(name) || /^(clawster|process|nodejs)_/.test(name), name)
      assert.strictEqual(kind === "histogram", boundaries !== undefined, name)
    }
    for (const name of asked) assert.property(metrics, name)
  })

  it("no other file makes a metric", () => {
    const src = new URL("../../../src/", import.meta.url)
    const makers = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) =>
        /\bMetric\.(counter|gauge|histogram|summary|frequency|timer)\(/.test(readFileSync(new URL(file, src), "utf8"))
      )
    assert.deepStrictEqual(makers, ["observability/metrics/Metrics.ts"])
  })

  it.effect("a failed flush is not timed", () =>
    alone(
      Effect.gen(function* () {
        yield* Effect.exit(JournalMetrics.timeFlush(3, Effect.fail("no")))
        assert.notInclude(yield* PrometheusMetrics.format(), "clawster_journal_flush_seconds")
      })
    )
  )
})

/** Warnings of the effect, one an element. */
const warnings = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const said: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") said.push(String(message))
  })
  return Effect.map(Effect.provide(effect, Logger.layer([logger])), () => said)
}

describe("FleetMetrics", () => {
  it.effect(
    "tells the age of a reading that fails, warns once a minute, and withdraws what may no longer be true",
    () =>
      alone(
        Effect.gen(function* () {
          let isAway = false
          const away = <A>(value: A) => Effect.suspend(() => (isAway ? Effect.fail("away") : Effect.succeed(value)))
          const layer = FleetMetrics.layer({ counts: away({ pending: 7 }), instances: away([instance("i1")]) })
          const said = yield* warnings(
            Effect.gen(function* () {
              yield* Effect.forkScoped(Effect.never.pipe(Effect.provide(layer)))
              yield* TestClock.adjust("1 millis")
              isAway = true
              yield* TestClock.adjust("30 seconds")
              const early = yield* PrometheusMetrics.format()
              assert.include(early, `clawster_fleet_reading_age_seconds{reading="tasks"} 30`)
              assert.include(early, `task_queue_depth{phase="pending"} 7`)
              yield* TestClock.adjust("5 minutes")
              const late = yield* PrometheusMetrics.format()
              assert.include(late, `clawster_fleet_reading_age_seconds{reading="instances"} 330`)
              assert.notMatch(late, /^(task_queue_depth|instance_health)\{/m)
              isAway = false
              yield* TestClock.adjust("5 seconds")
              const back = yield* PrometheusMetrics.format()
              assert.include(back, `clawster_fleet_reading_age_seconds{reading="tasks"} 0`)
              assert.include(back, `instance_health{instance_id="i1",tenancy="shared"} 1`)
            })
          )
          assert.isAtLeast(said.length, 2)
          assert.isAtMost(said.length, 2 * 7)
        })
      )
  )

  it.effect("follows health and breaker of each instance, and forgets those that are gone", () =>
    alone(
      Effect.gen(function* () {
        let instances = [instance("i1"), instance("i2", { health: "unhealthy", breaker: "open" })]
        yield* Effect.forkScoped(Effect.never.pipe(Effect.provide(FleetMetrics.layer(sources(() => instances)))))
        yield* TestClock.adjust("1 millis")
        const before = yield* PrometheusMetrics.format()
        assert.include(before, `instance_health{instance_id="i1",tenancy="shared"} 1`)
        assert.include(before, `instance_health{instance_id="i2",tenancy="shared"} 0`)
        assert.include(before, `clawster_breaker_state{instance_id="i2",tenancy="shared"} 2`)
        assert.include(before, `task_queue_depth{phase="pending"} 7`)
        assert.include(before, `task_queue_depth{phase="scheduled"} 0`)
        instances = [instance("i1", { health: "degraded" }), instance("i2", { phase: "destroyed" })]
        yield* TestClock.adjust("5 seconds")
        const after = yield* PrometheusMetrics.format()
        assert.include(after, `instance_health{instance_id="i1",tenancy="shared"} 0.5`)
        assert.notInclude(after, "i2")
      })
    )
  )
})

describe("ProcessMetricsNode", () => {
  it.live("tells what its process holds: a descriptor more when a file is open, and less when it is closed", () =>
    alone(
      Effect.scoped(
        Effect.gen(function* () {
          const read = Effect.gen(function* () {
            yield* Effect.scoped(Layer.build(ProcessMetricsNode.layer))
            const text = yield* PrometheusMetrics.format()
            return Number(/^process_open_fds (\d+)$/m.exec(text)?.[1])
          })
          const before = yield* read
          const files = Array.from({ length: 20 }, () => openSync("/dev/null", "r"))
          assert.isAtLeast(yield* read, before + 20)
          for (const file of files) closeSync(file)
          assert.isBelow(yield* read, before + 20)
        })
      )
    )
  )
})
