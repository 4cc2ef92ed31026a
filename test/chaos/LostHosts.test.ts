/**
 * Three hosts under load, each in a network namespace of its own: one is lost for good, and one is cut off and comes
 * back. Real processes, a real PostgreSQL; the gateways are simulated, and one is a process under its guardian.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { isAlive } from "../../src/processes/ProcessIdentity.ts"
import { hostPlacement } from "../../src/schema/Ids.ts"
import * as Database from "../../src/shards/Database.ts"
import { eventsOf } from "../../src/testing/checks/History.ts"
import { InstanceFiles } from "../../src/instances/process/files/InstanceFiles.ts"
import * as Home from "../fixtures/processes/Home.ts"
import * as Machines from "../fixtures/processes/Machines.ts"
import * as Namespaces from "../fixtures/processes/Namespaces.ts"
import * as BridgedPostgres from "../fixtures/servers/BridgedPostgres.ts"
import * as Postgres from "../fixtures/servers/Postgres.ts"
import * as PgHistory from "../fixtures/store/PgHistory.ts"
import { until } from "../fixtures/Until.ts"

const hosts = { a: 1, b: 2, c: 3 } as const
type Host = keyof typeof hosts
const names = Object.keys(hosts) as Array<Host>
const fakeGateway = fileURLToPath(new URL("../fixtures/servers/fakeGateway.mjs", import.meta.url))
const why = Namespaces.missing()
const title = (text: string) => (why === undefined ? text : `${text} (skipped: ${why})`)

/** Three hosts with a simulated gateway each, a gateway process of ours before them, and their database. */
const cluster = Effect.gen(function* () {
  const subnet = `10.214.${process.pid % 250}`
  const home = yield* Home.make
  const network = yield* Namespaces.make(subnet, hosts)
  const postgres = yield* BridgedPostgres.start(home, subnet)
  const start = (host: Host) => {
    mkdirSync(join(home, host))
    return Machines.start(host, {
      command: network.within(host),
      port: 34_431,
      readyWithinMillis: 180_000,
      env: {
        CLAWSTER_HOME: join(home, host),
        CLAWSTER_RUNNER_HOST: `${subnet}.${hosts[host]}`,
        CLAWSTER_DRIVERS: "simulated,process",
        CLAWSTER_GATEWAY_COMMAND: JSON.stringify([process.execPath, fakeGateway])
      }
    })
  }
  return yield* Effect.gen(function* () {
    const running = yield* Effect.forEach(names, start, { concurrency: 3 })
    const gateway = yield* Machines.gateway()
    yield* Effect.forEach(names, (host) => gateway.instance(`on-${host}`, host, { maxConcurrentTasks: 20 }), {
      concurrency: 3,
      discard: true
    })
    const machines = Object.fromEntries(running.map((machine) => [machine.host, machine]))
    const history = Effect.provide(PgHistory.read, Layer.fresh(Database.layer({ url: postgres.url }))).pipe(
      Effect.scoped
    )
    return { ...gateway, home, network, machines, history }
  }).pipe(Effect.provideService(Postgres.TestPostgres, postgres))
})

type Cluster = Effect.Success<typeof cluster>

const lanes = 6

/** Submits many tasks at once and then one after the other until it is interrupted; answers how many were accepted. */
const load = ({ send }: Cluster) => {
  let accepted = 0
  const tasks = (count: number, leastMillis: number) =>
    Array.from({ length: count }, (_, index) => {
      const n = accepted + index
      const payload = { message: `work [[delay ${leastMillis + ((n * 7_919) % 20_000)}]]` }
      return { taskId: `task-${n}`, tenantId: "acme", lane: `lane-${n % lanes}`, payload }
    })
  const submit = (count: number, leastMillis: number) =>
    Effect.suspend(() => send("POST", "/tasks/bulk", { tasks: tasks(count, leastMillis) })).pipe(
      Effect.tap(({ status }) => Effect.sync(() => void (status === 202 && (accepted += count))))
    )
  return {
    accepted: () => accepted,
    run: Effect.andThen(submit(30, 20_000), Effect.repeat(submit(1, 3_000), Schedule.spaced("500 millis")))
  }
}

/** A turn of the session, to its end. */
const talk = ({ send, untilIs }: Cluster, turnId: string) =>
  Effect.andThen(
    send("POST", "/sessions/talk/turns?tenantId=acme", { turnId, message: "go on" }),
    untilIs(
      `/sessions/talk/turns/${turnId}?tenantId=acme`,
      `turn ${turnId} has ended`,
      ({ body }) => body.phase === "completed",
      "90 seconds"
    )
  )

const phases = ({ history }: Cluster) =>
  Effect.map(history, (rows) => {
    const ended = new Map<string, string>()
    for (const { event } of eventsOf(rows)) {
      if (/^task\.(completed|failed|dead_lettered|cancelled)$/.test(event._tag)) ended.set(event["taskId"], event._tag)
    }
    return ended
  })

/** All accepted tasks have completed. */
const allCompleted = (cluster: Cluster, accepted: number) =>
  until(
    `all ${accepted} tasks have ended`,
    Effect.map(phases(cluster), (ended) => ended.size === accepted),
    "120 seconds"
  ).pipe(
    Effect.andThen(phases(cluster)),
    Effect.map((ended) => assert.deepStrictEqual([...new Set(ended.values())], ["task.completed"]))
  )

/** Milliseconds from `since` until each task that ran on the instance had started elsewhere. */
const reroutes = ({ history }: Cluster, instanceId: string, since: number) =>
  Effect.map(history, (rows) => {
    const left = new Set<string>()
    const times: Array<number> = []
    for (const { event, row } of eventsOf(rows)) {
      if (event._tag === "task.requeued" && event["rerouted"] && event["instanceId"] === instanceId) {
        left.add(event["taskId"])
      }
      if (event._tag === "task.started" && left.delete(event["taskId"])) times.push(row.at - since)
    }
    return times.sort((x, y) => x - y)
  })

const p99 = (sorted: ReadonlyArray<number>) => sorted[Math.ceil(sorted.length * 0.99) - 1]!

const openedOn = (cluster: Cluster) =>
  cluster.send("POST", "/sessions", { sessionId: "talk", tenantId: "acme" }).pipe(
    Effect.andThen(talk(cluster, "first")),
    Effect.andThen(cluster.send("GET", "/sessions/talk?tenantId=acme")),
    Effect.map(({ body }) => (body.instanceId as string).slice("on-".length) as Host)
  )

/** Loads the cluster until enough runs on the host, harms it, and goes on until what ran there runs elsewhere. */
const underLoad = <E, R>(
  cluster: Cluster,
  host: Host,
  harm: Effect.Effect<void, E, R>,
  meanwhile: Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const { accepted, run } = load(cluster)
    const loading = yield* Effect.forkScoped(run)
    yield* cluster.untilIs(
      "/tasks?tenantId=acme&phase=running&limit=100",
      `enough runs on ${host}`,
      ({ body }) => body.items.filter(({ instanceId }: any) => instanceId === `on-${host}`).length >= 4
    )
    const since = Date.now()
    yield* harm
    yield* talk(cluster, "after")
    yield* meanwhile
    yield* Fiber.interrupt(loading)
    yield* allCompleted(cluster, accepted())
    return { times: yield* reroutes(cluster, `on-${host}`, since) }
  })

/** The gateway process that a guardian on this host keeps. */
const guarded = (home: string, host: Host) => {
  const directory = join(home, host, "gateways")
  const [path] = readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith("process.json"))
  return new InstanceFiles(join(directory, path!, "..", "..")).pidFile!.gateway
}

/** One more instance on the host, whose gateway is a process at which nothing runs. */
const withGuarded = ({ home, send, untilIs }: Cluster, host: Host) =>
  Effect.gen(function* () {
    const placement = hostPlacement(host)
    yield* send("POST", "/instances", { instanceId: "guarded", driver: "process", placement })
    yield* untilIs("/instances/guarded", "its gateway has started", ({ body }) => body.phase === "warming")
    return guarded(home, host)
  })

it.live.skipIf(why !== undefined)(
  title("a host that is lost for good under load costs no task, and its session goes on elsewhere"),
  () =>
    Effect.gen(function* () {
      const found = yield* cluster
      const host = yield* openedOn(found)
      const gateway = yield* withGuarded(found, host)
      const ended = until(
        "its guardian has ended the gateway that its runner left",
        Effect.sync(() => !isAlive(gateway)),
        "60 seconds"
      )
      const { times } = yield* underLoad(found, host, found.machines[host]!.signal("SIGKILL"), ended)
      assert.isAtLeast(times.length, 4)
      assert.isAtMost(p99(times), 30_000)
      const { body } = yield* found.send("GET", "/sessions/talk?tenantId=acme")
      assert.notStrictEqual(body.instanceId, `on-${host}`)
    }).pipe(Effect.scoped),
  600_000
)

it.live.skipIf(why !== undefined)(
  title("a host that is cut off under load ends its gateways before its work runs elsewhere, and comes back whole"),
  () =>
    Effect.gen(function* () {
      const found = yield* cluster
      const { machines, network, send, untilIs } = found
      const host = yield* openedOn(found)
      const gateway = yield* withGuarded(found, host)
      const { times } = yield* underLoad(found, host, network.cut(host), Effect.void)
      assert.isNull(machines[host]!.process.exitCode, "its runner lives")
      assert.isAtLeast(times.length, 4)
      assert.isAtMost(p99(times), 30_000)
      assert.isAtLeast(times[0]!, 12_000, "nothing ran elsewhere before a gateway there had ended")
      assert.isTrue(isAlive(gateway), "one at which nothing runs is kept")
      yield* network.heal(host)
      yield* untilIs(`/instances/on-${host}`, "it is back", ({ body }) => body.health === "healthy", "90 seconds")
      const tasks = Array.from({ length: 20 }, (_, n) => ({
        taskId: `back-${n}`,
        tenantId: "acme",
        payload: { message: "stay [[delay 15000]]" },
        hints: { instanceId: `on-${host}` }
      }))
      yield* send("POST", "/tasks/bulk", { tasks })
      yield* untilIs(
        "/tasks?tenantId=acme&phase=running&limit=100",
        "all of its slots are free",
        ({ body }) => body.items.filter(({ taskId }: any) => taskId.startsWith("back-")).length === tasks.length,
        "90 seconds"
      )
    }).pipe(Effect.scoped),
  600_000
)
