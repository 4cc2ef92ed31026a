/**
 * Tasks that wait: a backlog in a hundred lanes, and in one, of a runner in a process of its own, with no instance to
 * run them. At each size: the memory of the runner, how fast bulks and single tasks are accepted, and how fast other
 * actors of the runner answer. Then the runner stops, another loads the lanes, and an instance is registered: the tasks
 * that start first are compared with the order the rows have.
 */
import { Effect, Layer, Option, type Redacted, Schedule } from "effect"
import * as ActorClient from "../../src/actor/ActorClient.ts"
import { Instance } from "../../src/entities/Instance.ts"
import { defaultPlacement, instanceEntityId, InstanceId } from "../../src/schema/Ids.ts"
import * as Clawster from "../harness/clawster.ts"
import { Counter } from "../harness/Counter.ts"
import { forCalls, forSeconds, quantiles } from "../harness/measure.ts"
import { startRunner, stopRunner } from "./actors.ts"
import { type Curve, type Figure, mebi, type SizeBench, type SizeCase } from "./case.ts"
import * as Memory from "./memory.ts"
import { withSql } from "./tables.ts"
import * as Lanes from "./lanes.ts"

const tasksACall = 1_000
const bulksAtOnce = 4
const singlesAtOnce = 16
const keys = 1_000
/** Starts that are compared with the order of the rows, over all lanes. */
const startsCompared = 2_000
/** For the lanes to load and to start that many. */
const takeUpTimeout = "120 seconds"

interface Reading {
  readonly pending: number
  readonly memory: Memory.Memory
  readonly bulk: number
  readonly single: { readonly perSecond: number; readonly p99: number }
  readonly keyed: { readonly perSecond: number; readonly p99: number }
}

const connect = Effect.fnUntraced(function* (url: Redacted.Redacted, lanes: ReadonlyArray<Lanes.LaneAddress>) {
  const layer = yield* Layer.build(Clawster.layerClient(url))
  return yield* Effect.all({
    tasks: Lanes.make(lanes),
    counter: ActorClient.make(Counter),
    instance: ActorClient.make(Instance)
  }).pipe(Effect.provide(layer))
})

const fill = (
  { scale, say }: SizeBench,
  url: Redacted.Redacted,
  lanes: ReadonlyArray<Lanes.LaneAddress>,
  seconds: number
) =>
  Effect.gen(function* () {
    const runner = yield* startRunner("clawster", url)
    const { counter, tasks } = yield* connect(url, lanes)
    let pending = 0
    let calls = 0
    const bulk = Effect.fnUntraced(function* (upTo: number) {
      const wanted = Math.ceil((upTo - pending) / tasksACall)
      const load = yield* forCalls({ inFlight: bulksAtOnce, calls: wanted }, () =>
        tasks.submitMany(calls++, tasksACall)
      )
      pending += wanted * tasksACall
      return load.perSecond * tasksACall
    })
    const reading = Effect.fnUntraced(function* (size: number) {
      const last = Math.round(size / 10)
      if (size - last > pending + last) yield* bulk(size - last)
      const bulkRate = yield* bulk(Math.max(size, pending + tasksACall))
      const single = yield* forSeconds({ inFlight: singlesAtOnce, seconds }, (n) => tasks.submit(n))
      pending += single.calls
      const keyed = yield* forSeconds({ inFlight: 64, seconds }, (n) => counter(`key-${n % keys}`).Add({ by: 1 }))
      const memory = yield* Memory.read(runner)
      yield* say(
        `  ${pending} pending in ${lanes.length} lanes: ${mebi(memory.rssFound).toFixed(0)} MiB` +
          ` (${mebi(memory.rss).toFixed(0)} collected), bulk ${Math.round(bulkRate)}/s, single ${Math.round(single.perSecond)}/s`
      )
      return { pending, memory, bulk: bulkRate, single, keyed } satisfies Reading
    })

    yield* Effect.forEach(lanes, (_, n) => tasks.configure(n, 64), { concurrency: 16, discard: true })
    yield* forCalls({ inFlight: 64, calls: keys }, (n) => counter(`key-${n}`).Add({ by: 1 }))
    yield* forSeconds({ inFlight: singlesAtOnce, seconds: 1 }, (n) => tasks.submit(n))
    const before = yield* Memory.read(runner)
    const readings = yield* Effect.forEach([10_000, 100_000, 1_000_000], (size) => reading(Math.round(size * scale)))
    yield* stopRunner(runner)
    return { before, readings }
  }).pipe(Effect.scoped)

/** The first ids of each lane, as its rows are ordered; and the ids of each lane in the order they started. */
const orderSql = (lanes: number) =>
  `SELECT lane, array_agg(task_id ORDER BY rank, task_id) AS ids FROM (
     SELECT lane, rank, task_id, row_number() OVER (PARTITION BY lane ORDER BY rank, task_id) AS n FROM clawster_tasks
     WHERE phase = 'pending') AS t WHERE n <= ${Math.ceil((4 * startsCompared) / lanes)} GROUP BY lane`
/** By its index, however many wait. */
const endedSql = `
  SELECT count(*)::int AS ended
  FROM (SELECT FROM clawster_tasks WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT ${startsCompared}) AS t`
const startedSql = `
  SELECT split_part(entity_id, '/', 2) AS lane, array_agg(e.event ->> 'taskId' ORDER BY j.seq, e.n) AS ids
  FROM clawster_journal j, json_array_elements(j.events) WITH ORDINALITY AS e (event, n)
  WHERE entity_type = 'Lane' AND j.command = 'Assign' AND e.event ->> '_tag' = 'task.started' GROUP BY 1`

interface Order {
  readonly lane: string
  readonly ids: ReadonlyArray<string>
}

const instanceSpec = {
  instanceId: InstanceId.make("size"),
  driver: "simulated",
  placement: defaultPlacement,
  tenancy: { _tag: "shared" },
  capabilities: [],
  allowedModels: [],
  enabledChannels: [],
  maxConcurrentTasks: 10_000,
  maxConcurrentSessions: 1_000_000,
  maxAgents: 1_000_000,
  resourceLimits: {}
} as const

/**
 * Starts a runner on the backlog. Milliseconds until each lane has answered, and the tasks that did not start in their
 * order.
 */
const takeUp = (url: Redacted.Redacted, lanes: ReadonlyArray<Lanes.LaneAddress>) =>
  Effect.gen(function* () {
    const expected = yield* withSql(url, (sql) => sql.unsafe<Order>(orderSql(lanes.length)))
    const runner = yield* startRunner("clawster", url)
    const { instance, tasks } = yield* connect(url, lanes)
    const samples: Array<number> = []
    const startedAt = performance.now()
    yield* Effect.forEach(
      lanes,
      (_, n) =>
        Effect.gen(function* () {
          const askedAt = performance.now()
          yield* tasks.status(n)
          samples.push(performance.now() - askedAt)
        }),
      { concurrency: 16, discard: true }
    )
    const loadMillis = performance.now() - startedAt
    const memory = yield* Memory.read(runner)
    yield* instance(instanceEntityId(defaultPlacement, instanceSpec.instanceId)).Register({ spec: instanceSpec })
    const registeredAt = performance.now()
    const ended = yield* withSql(url, (sql) =>
      sql.unsafe<{ ended: number }>(endedSql).pipe(
        Effect.map((rows) => rows[0]!.ended),
        Effect.repeat({ schedule: Schedule.spaced("500 millis"), until: (count) => count >= startsCompared }),
        Effect.timeoutOption(takeUpTimeout),
        Effect.map(Option.getOrElse(() => 0))
      )
    )
    const drainRate = (ended * 1_000) / (performance.now() - registeredAt)
    yield* stopRunner(runner)
    const started = yield* withSql(url, (sql) => sql.unsafe<Order>(startedSql))
    const wrong = started.flatMap(({ ids, lane }) => {
      const order = expected.find((one) => one.lane === lane)?.ids ?? []
      return ids.slice(0, order.length).filter((id, n) => order[n] !== id)
    })
    return {
      loadMillis,
      samples,
      memory,
      drainRate,
      wrong: wrong.length,
      compared: started.flatMap(({ ids }) => ids).length
    }
  }).pipe(Effect.scoped)

const inLanes = (bench: SizeBench, count: number) =>
  Effect.gen(function* () {
    const lanes = Lanes.lanesOf(count)
    const url = yield* bench.database(`pending_${count}`)
    const { before, readings } = yield* fill(bench, url, lanes, Math.max(1, 3 * bench.scale))
    const taken = yield* takeUp(url, lanes)
    const first = readings[0]!
    const last = readings.at(-1)!
    const at = `${last.pending.toLocaleString("en-US")} pending in ${count} lanes`
    const figures: ReadonlyArray<Figure> = [
      {
        id: `pending-rss-${count}`,
        value: mebi(last.memory.rssFound),
        unit: "MiB",
        most: 1_024,
        note:
          `${at}; ${mebi(last.memory.rss).toFixed(0)} after a collection,` +
          ` ${mebi(before.rss).toFixed(0)} before there were any`
      },
      {
        id: `pending-accept-${count}`,
        value: last.bulk / first.bulk,
        unit: "×",
        least: 0.8,
        note: `bulk ${Math.round(last.bulk)} tasks/s at ${at}, ${Math.round(first.bulk)} at ${first.pending}`
      },
      {
        id: `pending-single-p99-${count}`,
        value: last.single.p99,
        unit: "ms",
        most: 50,
        note: `${singlesAtOnce} callers at ${at}; ${first.single.p99.toFixed(1)} ms at ${first.pending}`
      },
      {
        id: `pending-load-${count}`,
        value: taken.loadMillis,
        unit: "ms",
        note: `new runner until all ${count} lanes have answered; one at most ${Math.max(...taken.samples).toFixed(0)} ms, p50 ${quantiles(taken.samples).p50.toFixed(0)}; RSS ${mebi(taken.memory.rssFound).toFixed(0)} MiB`
      },
      {
        id: `pending-order-${count}`,
        value: taken.wrong,
        unit: "rows",
        most: 0,
        note: `out of order of the first ${taken.compared} started then; ${Math.round(taken.drainRate)} tasks/s ended`
      }
    ]
    const curve = (
      id: string,
      unit: Curve["unit"],
      of: (reading: Reading) => { value: number; p99?: number }
    ): Curve => ({
      id: `${id}-by-pending-${count}`,
      unit,
      of: `pending tasks in ${count} lanes`,
      points: readings.map((reading) => {
        const { p99, value } = of(reading)
        return { size: reading.pending, value, ...(p99 === undefined ? {} : { p99Millis: p99 }) }
      })
    })
    const curves = [
      curve("rss", "MiB", ({ memory }) => ({ value: mebi(memory.rssFound) })),
      curve("bulk-submit", "tasks/s", ({ bulk }) => ({ value: bulk })),
      curve("submit", "tasks/s", ({ single }) => ({ value: single.perSecond, p99: single.p99 })),
      curve("keyed-call", "calls/s", ({ keyed }) => ({ value: keyed.perSecond, p99: keyed.p99 }))
    ]
    return { figures, curves }
  })

const inLanesCase = (id: string, lanes: number): SizeCase => ({
  id,
  run: (bench) => Effect.orDie(inLanes(bench, lanes))
})

export const pending = inLanesCase("pending", 100)
export const pendingInOne = inLanesCase("pending-in-one", 1)
