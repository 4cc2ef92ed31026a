/**
 * Many followers of one gateway process while a fleet works: most of them read, some never do. The gateway is a process
 * of its own, so that what is measured of it is not the test's. Rates are told and not asserted: they are the
 * machine's.
 */
import { assert, it } from "@effect/vitest"
import { Array, Clock, Effect, Layer, References, Schedule } from "effect"
import { fork } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { KeyService } from "../../src/auth/KeyService.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { Lane } from "../../src/entities/Lane.ts"
import { InstanceReads } from "../../src/ports/InstanceReads.ts"
import { Feed, TaskReads } from "../../src/ports/Reads.ts"
import * as DriverSet from "../../src/instances/InstanceDriverSet.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import * as TcpPorts from "../../src/resources/TcpPorts.ts"
import * as RunnerActors from "../../src/runners/RunnerActors.ts"
import type { Cursor } from "../../src/schema/feed/Feed.ts"
import {
  defaultPlacement,
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  TaskId,
  TenantId
} from "../../src/schema/Ids.ts"
import { defaultLaneConfig } from "../../src/schema/Lane.ts"
import { defaultRetryPolicy, type TaskSpec } from "../../src/schema/Task.ts"
import * as Cluster from "../../src/shards/Cluster.ts"
import * as PgKeyStores from "../../src/shards/reads/PgKeyStores.ts"
import * as PgFeed from "../../src/shards/reads/feed/PgFeed.ts"
import * as PgTasks from "../../src/shards/reads/tasks/PgTasks.ts"
import * as PgInstanceReads from "../../src/shards/reads/PgInstanceReads.ts"
import type { Group, Order, Seen } from "../fixtures/processes/followers.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as Processes from "../fixtures/processes/Processes.ts"
import { Tally } from "../fixtures/store/Tally.ts"
import { until, untilAnswer } from "../fixtures/Until.ts"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const gatewayScript = join(root, "src", "runners", "gateway.ts")
const followersScript = join(root, "test", "fixtures", "processes", "followers.ts")
const tenants = Array.makeBy(10, (n) => TenantId.make(`tenant-${n}`))
const lane = LaneName.make("default")
const instanceCount = 10
const taskCount = 10_000
/** Of each tenant; and those who follow everything. */
const readersEach = 14
const overall = 10
const asleep = 50

const layer = Layer.mergeAll(RunnerActors.layer, KeyService.layer).pipe(
  Layer.provideMerge(DriverSet.layer([SimulatedDriver.make])),
  Layer.provideMerge(SimulatedFleet.layer({ startMillis: 20 })),
  Layer.provideMerge(Cluster.layerSingle({ serves: [defaultPlacement], leaseMillis: 60_000 })),
  Layer.provideMerge(Layer.mergeAll(PgFeed.layer, PgInstanceReads.layer, PgTasks.layer, PgKeyStores.layer)),
  Layer.provideMerge(Postgres.layer)
)

const register = Effect.gen(function* () {
  const instances = yield* ActorClient.make(Instance)
  const reads = yield* InstanceReads
  yield* Effect.forEach(
    Array.makeBy(instanceCount, (n) => InstanceId.make(`sim-${n}`)),
    (instanceId) =>
      instances(instanceEntityId(defaultPlacement, instanceId)).Register({
        spec: {
          instanceId,
          driver: "simulated",
          placement: defaultPlacement,
          tenancy: { _tag: "shared" },
          capabilities: [],
          allowedModels: [],
          enabledChannels: [],
          maxConcurrentTasks: 32,
          maxConcurrentSessions: 10_000,
          maxAgents: 10_000,
          resourceLimits: {}
        }
      }),
    { discard: true }
  )
  yield* until(
    "all instances are warm",
    Effect.map(
      reads.list({ limit: 100 }),
      ({ items }) => items.filter(({ phase }) => phase === "warm").length === instanceCount
    ),
    "60 seconds"
  )
})

const taskOf = (tenantId: TenantId, n: number): TaskSpec => ({
  taskId: TaskId.make(`${tenantId}-${n}`),
  tenantId,
  lane,
  payload: { message: `work ${n} ${"of some length ".repeat(40)}` },
  priority: "normal",
  hints: {},
  retry: defaultRetryPolicy,
  timeoutMillis: 120_000
})

const work = Effect.gen(function* () {
  const client = yield* ActorClient.make(Lane)
  yield* Effect.forEach(
    tenants,
    (tenantId) =>
      Effect.gen(function* () {
        const mine = client(laneEntityId(tenantId, lane))
        yield* mine.Configure({ config: { ...defaultLaneConfig, concurrency: 32 } })
        const tasks = Array.makeBy(taskCount / tenants.length, (n) => taskOf(tenantId, n))
        for (const part of Array.chunksOf(tasks, 250)) yield* mine.Submit({ tasks: part as never })
      }),
    { concurrency: "unbounded", discard: true }
  )
  const reads = yield* TaskReads
  yield* reads
    .counts(undefined)
    .pipe(
      Effect.repeat({ until: ({ completed = 0 }) => completed === taskCount, schedule: Schedule.spaced("200 millis") }),
      Effect.timeout("200 seconds")
    )
})

/** What a follower of the tenant is to see, as it is read from the journal in pages. */
const expected = Effect.fnUntraced(function* (start: Cursor, tenantId: TenantId | undefined) {
  const feed = yield* Feed
  const tally = new Tally()
  let cursor = start
  while (true) {
    const page = yield* feed.read(cursor, { tenantId, limit: 1_000 })
    for (const event of page.events) tally.add(event)
    cursor = page.cursor
    if (page.isPresent) return tally
  }
})

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024

/** Asks the gateway how it is, again and again; answers the slowest answer, and the largest memory. */
const watch = Effect.fnUntraced(function* (url: string, pid: number) {
  const seen = { slowestMillis: 0, mostMiB: 0, asked: 0 }
  yield* Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const status = yield* Effect.promise(() =>
      fetch(`${url}/live`, { signal: AbortSignal.timeout(30_000) }).then((response) => response.status)
    )
    assert.strictEqual(status, 200)
    seen.asked++
    seen.slowestMillis = Math.max(seen.slowestMillis, (yield* Clock.currentTimeMillis) - before)
    seen.mostMiB = Math.max(seen.mostMiB, rssOf(pid))
  }).pipe(Effect.repeat(Schedule.spaced("500 millis")), Effect.forkScoped)
  return seen
})

/** A process with all followers. */
const follow = Effect.fnUntraced(function* (url: string, cursor: string) {
  const keys = yield* KeyService
  const operator = (yield* keys.create({ name: "all", role: "operator" })).token
  const groups: Array<Group> = [
    { name: "asleep", token: operator, count: asleep, isReading: false },
    { name: "all", token: operator, count: overall, isReading: true }
  ]
  for (const tenantId of tenants) {
    const { token } = yield* keys.create({ name: tenantId, role: "tenant", tenantId })
    groups.push({ name: tenantId, token, count: readersEach, isReading: true })
  }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(followersScript, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] })),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  const order = (what: Order) => Effect.sync(() => child.send(what))
  const report = Effect.callback<ReadonlyArray<Seen>>((resume) => {
    if (!child.connected) return resume(Effect.die(new Error("the process of the followers has ended")))
    child.once("message", (seen) => resume(Effect.succeed(seen as ReadonlyArray<Seen>)))
    child.send({ type: "report" } satisfies Order)
  })
  yield* order({ type: "follow", url, cursor, groups })
  return { wake: order({ type: "wake", name: "asleep" }), report }
})

it.live(
  "200 followers, 50 of which never read, are shown 10,000 tasks without a gap or repeat, and the gateway stays well",
  () =>
    Effect.gen(function* () {
      const feed = yield* Feed
      const port = yield* TcpPorts.freePort
      const gateway = yield* Processes.start(gatewayScript, [], {
        env: { DATABASE_URL: yield* Postgres.urlOf, CLAWSTER_HTTP_PORT: String(port), CLAWSTER_LOG: "json" },
        ready: ""
      })
      const url = `http://127.0.0.1:${port}`
      const answers = Effect.orElseSucceed(
        Effect.tryPromise(() => fetch(`${url}/live`).then(({ ok }) => ok)),
        () => false
      )
      yield* until("the gateway answers", answers, "60 seconds")
      yield* register
      const start = yield* feed.position
      const idleMiB = rssOf(gateway.pid)
      const followers = yield* follow(url, start)
      const health = yield* watch(url, gateway.pid)

      const startedAt = yield* Clock.currentTimeMillis
      yield* work
      const workedMillis = (yield* Clock.currentTimeMillis) - startedAt
      const wanted = new Map<string, Tally>([["all", yield* expected(start, undefined)]])
      for (const tenantId of tenants) wanted.set(tenantId, yield* expected(start, tenantId))
      const reading = Effect.map(followers.report, (seen) => seen.filter(({ name }) => name !== "asleep"))
      const isThrough = ({ count, name }: Seen) => count >= wanted.get(name)!.count
      yield* untilAnswer("all who read have seen everything", reading, (seen) => seen.every(isThrough), {
        timeout: "200 seconds",
        show: (all) =>
          all
            .filter((seen) => !isThrough(seen))
            .slice(0, 20)
            .map(
              ({ closes, count, name }) => `${name}: ${count} of ${wanted.get(name)!.count}, closed ${closes.join()}`
            )
      })
      const millis = (yield* Clock.currentTimeMillis) - startedAt

      const seen = yield* reading
      assert.strictEqual(seen.length, overall + readersEach * tenants.length)
      for (const { name, text } of seen) assert.strictEqual(text, wanted.get(name)!.text, name)
      const events = wanted.get("all")!.count
      const a = (count: number, inMillis: number) => Math.round((count * 1_000) / inMillis)
      yield* Effect.logWarning("followers").pipe(
        Effect.annotateLogs({
          events,
          tasksASecond: a(taskCount, workedMillis),
          eventsASecond: a(events, millis),
          messagesASecond: a(
            seen.reduce((sum, { count }) => sum + count, 0),
            millis
          ),
          sentAwayAndBack: seen.reduce((sum, { closes }) => sum + closes.length, 0),
          ...health,
          idleMiB
        })
      )
      assert.isBelow(health.mostMiB, idleMiB + 900)
      assert.isAbove(health.asked, 5)

      // One who never read was let go, keeps what it had, and gets the rest from its position on.
      yield* followers.wake
      const first = Effect.map(followers.report, (all) => all.find(({ name }) => name === "asleep")!)
      yield* until(
        "who slept has seen everything",
        Effect.map(first, ({ count }) => count >= events),
        "200 seconds"
      )
      const late = yield* first
      assert.strictEqual(late.text, wanted.get("all")!.text)
      assert.isTrue(
        late.closes.some((code) => code === 1013 || code === 1006),
        late.closes.join()
      )
      assert.isTrue(yield* answers)
    }).pipe(Effect.scoped, Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "Warn")),
  600_000
)
