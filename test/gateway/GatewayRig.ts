/**
 * The whole edge over real actors on the in-memory cluster with simulated gateways, and no port: a request goes to the
 * routes and its response comes back. `ServedGateway.ts` is the same on a port.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { HttpRouter } from "effect/http"
import type { MemoryStore } from "../../src/actor/memory/MemoryJournal.ts"
import { KeyService } from "../../src/auth/KeyService.ts"
import * as MemoryKeyStores from "../../src/auth/MemoryKeyStores.ts"
import * as MemoryDeadMessages from "../fixtures/memory/MemoryDeadMessages.ts"
import { InstanceOps } from "../../src/ports/InstanceOps.ts"
import * as Catalogued from "../../src/entities/catalog/Actors.ts"
import * as MemoryTaskRows from "../../src/entities/Lane/backlog/MemoryTaskRows.ts"
import { ClusterReads } from "../../src/ports/ClusterReads.ts"
import { ShutdownSignal } from "../../src/gateway/events/ShutdownSignal.ts"
import { Probes } from "../../src/gateway/Probes.ts"
import * as Server from "../../src/gateway/Server.ts"
import { layer as driversLayer } from "../../src/instances/InstanceDriverSet.ts"
import * as MemoryPayloads from "../../src/entities/Instance/MemoryPayloads.ts"
import * as MemoryOutputs from "../../src/ports/MemoryOutputs.ts"
import * as SimulatedDriver from "../../src/instances/SimulatedDriver.ts"
import { SimulatedFleet } from "../../src/instances/simulated/SimulatedFleet.ts"
import { defaultPlacement, regionPlacement, TenantId } from "../../src/schema/Ids.ts"
import * as MemoryCluster from "../fixtures/memory/MemoryCluster.ts"
import * as MemoryReads from "../fixtures/memory/MemoryReads.ts"
import { untilAnswer } from "../fixtures/Until.ts"

const drivers = driversLayer([SimulatedDriver.make]).pipe(
  Layer.provide(SimulatedFleet.layer({ resumeAfterMillis: 100 }))
)

const actors = Layer.provide(Catalogued.layer, [MemoryTaskRows.layer, MemoryReads.fleet, drivers])

/** What a test may turn off. */
export class Switches extends Context.Service<Switches, { database: boolean; runners: number }>()("test/Switches") {
  static readonly layer = Layer.sync(Switches, () => Switches.of({ database: true, runners: 1 }))
}

const probes = Layer.effect(
  Probes,
  Effect.map(Switches, (switches) =>
    Probes.of({
      database: Effect.suspend(() => (switches.database ? Effect.void : Effect.fail("the database is off"))),
      runners: Effect.sync(() => ({ registered: 1, healthy: switches.runners }))
    })
  )
)

const registrations = Semaphore.makeUnsafe(1)
const cluster = Layer.effect(
  ClusterReads,
  Effect.map(Switches, (switches) => {
    const placements = [defaultPlacement, regionPlacement("eu")]
    const runner = { address: "runner:1", state: "serving" as const, placements, shards: 300, leaseMillis: 6_000 }
    const all = <A>(items: ReadonlyArray<A>) => Effect.sync(() => (switches.runners === 0 ? [] : items))
    return ClusterReads.of({
      runners: all([runner]),
      placements: all(
        placements.map((placement) => ({ placement, servedWith: placements, instances: 0, lastSeenAt: 0 }))
      ),
      shards: all(
        placements.map((placement) => ({ placement, owner: runner.address, shards: 300, epoch: 1, since: 0 }))
      ),
      probes: all(placements.map((placement) => ({ address: runner.address, placement, ok: true, millis: 1 }))),
      commitMillis: Effect.succeed(2),
      outbox: Effect.succeed({ waiting: 0, oldestMillis: 0 })
    })
  })
)

const ops = Layer.succeed(InstanceOps, {
  alone: (_, use) => registrations.withPermits(1)(use),
  logs: (instanceId, _, limit) => Effect.succeed({ instanceId, lines: ["one", "two", "three"].slice(-limit) }),
  metrics: (instanceId) => Effect.succeed({ instanceId, rssBytes: 1_024, uptimeMillis: 10 })
})

/** Everything that the routes need. */
export const world = Layer.mergeAll(actors, ops, probes, cluster).pipe(
  Layer.provideMerge(Layer.merge(MemoryOutputs.layer, MemoryPayloads.layer)),
  Layer.provideMerge(
    Layer.mergeAll(MemoryReads.layer, MemoryKeyStores.layer, MemoryDeadMessages.layer, Switches.layer)
  ),
  Layer.provideMerge(MemoryCluster.layer)
)

/** One key of each kind. */
export class Tokens extends Context.Service<Tokens, Record<"admin" | "operator" | "acme" | "globex", string>>()(
  "test/Tokens"
) {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const keys = yield* KeyService
      const tenant = (name: string) =>
        Effect.map(keys.create({ name, role: "tenant", tenantId: TenantId.make(name) }), ({ token }) => token)
      return Tokens.of({
        admin: (yield* keys.create({ name: "admin", role: "admin" })).token,
        operator: (yield* keys.create({ name: "operator", role: "operator" })).token,
        acme: yield* tenant("acme"),
        globex: yield* tenant("globex")
      })
    }).pipe(Effect.orDie)
  ).pipe(Layer.provide(KeyService.layer))
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
  readonly text: string
}

export interface Ask {
  readonly token?: string | undefined
  readonly body?: unknown
  /** Instead of `body`, as it is. */
  readonly text?: string
  readonly headers?: Record<string, string>
}

export class Web extends Context.Service<
  Web,
  {
    readonly send: (method: string, path: string, ask?: Ask) => Effect.Effect<Answer>
  }
>()("test/Web") {
  static readonly layer = Layer.effect(
    Web,
    Effect.gen(function* () {
      const context = yield* Effect.context<MemoryStore>()
      const { dispose, handler } = HttpRouter.toWebHandler(
        Server.routes.pipe(
          Layer.provide(ShutdownSignal.layer),
          Layer.provide(Layer.succeedContext(context))
        ) as Layer.Layer<never, never, HttpRouter.HttpRouter>,
        { routerConfig: Server.routerConfig, disableLogger: true }
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      return Web.of({
        send: (method, path, { body, headers, text, token } = {}) =>
          Effect.promise(async () => {
            const content = text ?? (body === undefined ? undefined : JSON.stringify(body))
            const response = await handler(
              new Request(`http://gateway.test${path}`, {
                method,
                headers: {
                  ...(content === undefined ? {} : { "content-type": "application/json" }),
                  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
                  ...headers
                },
                ...(content === undefined ? {} : { body: content })
              })
            )
            const answered = await response.text()
            const isJson = (response.headers.get("content-type") ?? "").includes("json")
            return {
              status: response.status,
              headers: response.headers,
              text: answered,
              body: isJson ? JSON.parse(answered) : undefined
            }
          })
      })
    })
  )
}

export const layer = Layer.mergeAll(Web.layer, Tokens.layer).pipe(Layer.provideMerge(world))

/** Asks until the answer is as wanted, and answers it. */
export const untilAnswered = <E, R>(ask: Effect.Effect<Answer, E, R>, isWanted: (answer: Answer) => boolean) =>
  untilAnswer("the answer as wanted", ask, isWanted, { show: ({ status, text }) => [status, text] })

/** An instance that takes work. */
export const withInstance = Effect.gen(function* () {
  const web = yield* Web
  const tokens = yield* Tokens
  const token = tokens.operator
  yield* web.send("POST", "/api/v1/instances", { token, body: { instanceId: "i1", driver: "simulated" } })
  yield* untilAnswered(
    web.send("GET", "/api/v1/instances/i1/health", { token }),
    ({ body }) => body.health === "healthy"
  )
  return { web, tokens }
})
