/**
 * The read ports of lanes and sessions on the virtual store: the fleet is polled from the views, adjusted by whether a
 * live runner serves each instance's placement; task rows and payloads are read on request.
 */
import { Clock, Effect, Layer, PubSub, Schedule, Schema, Stream } from "effect"
import { MemoryStore } from "../../actor/memory/MemoryJournal.ts"
import { Fleet } from "../../ports/Fleet.ts"
import * as MemoryTaskRows from "../../entities/Lane/backlog/MemoryTaskRows.ts"
import * as MemoryPayloads from "../../entities/Instance/MemoryPayloads.ts"
import { Heartbeats, type HeartbeatsShape, type Holding } from "../../ports/runners/Heartbeats.ts"
import * as MemoryOutputs from "../../ports/MemoryOutputs.ts"
import { Outputs } from "../../ports/Outputs.ts"
import { Payloads } from "../../ports/Payloads.ts"
import { TaskRows } from "../../ports/TaskRows.ts"
import { Tenants } from "../../ports/tenants/Tenants.ts"
import { ActorUnavailable } from "../../schema/Errors.ts"
import { parseInstanceEntityId } from "../../schema/Ids.ts"
import { asSeen, confirmedWithinMillis, heartbeatMillis } from "../../schema/instance/Liveness.ts"
import { InstanceStatus } from "../../schema/Instance.ts"
import { TenantRecord } from "../../schema/Tenant.ts"
import { answerTimeout } from "../../shards/reads/StoreUnavailable.ts"
import * as TenantPoll from "../../shards/reads/tenants/TenantPoll.ts"
import { StoreAccess } from "../store/StoreAccess.ts"

const refreshEvery = "200 millis"

const decoder = <A>(schema: Schema.Codec<A, any>) =>
  Schema.decodeUnknownSync(Schema.toCodecJson(schema) as unknown as Schema.Codec<A, unknown>)

const decode = decoder(InstanceStatus)
const decodeTenant = decoder(TenantRecord)

/** The documents of all views of an actor type, by entity id. */
const viewsOf = (store: MemoryStore["Service"], entityType: string) =>
  [...store.actors.values()].flatMap(({ address, view }) =>
    address.entityType === entityType && view !== undefined && view.doc !== null
      ? [[address.entityId, view.doc] as const]
      : []
  )

interface Known {
  readonly doc: unknown
  readonly isServed: boolean
  readonly status: InstanceStatus
}

const fleet = Layer.effect(
  Fleet,
  Effect.gen(function* () {
    const access = yield* StoreAccess
    const changes = yield* PubSub.sliding<void>(1)
    const known = new Map<string, Known>()
    let readAt: number | undefined
    const refresh = Effect.gen(function* () {
      const { docs, served } = yield* access.read("read fleet", (store, served) => ({
        docs: viewsOf(store, "Instance"),
        served: served()
      }))
      const now = yield* Clock.currentTimeMillis
      let changed = docs.length !== known.size
      const present = new Set(docs.map(([id]) => id))
      for (const id of [...known.keys()]) if (!present.has(id)) known.delete(id)
      for (const [id, doc] of docs) {
        const isServed = served.has(parseInstanceEntityId(id).placement)
        const before = known.get(id)
        if (before !== undefined && before.doc === doc && before.isServed === isServed) continue
        const status = decode(doc)
        known.set(id, { doc, isServed, status: isServed ? status : asSeen(status, { isServed }, now) })
        changed = true
      }
      readAt = now
      if (changed) yield* PubSub.publish(changes, undefined)
    })
    yield* refresh.pipe(
      Effect.timeout(answerTimeout),
      Effect.ignoreCause,
      Effect.repeat(Schedule.spaced(refreshEvery)),
      Effect.forkScoped
    )
    return Fleet.of({
      snapshot: Effect.sync(() => [...known.values()].map(({ status }) => status)),
      changes: Stream.fromPubSub(changes),
      readAt: Effect.sync(() => readAt)
    })
  })
)

const tenants = Layer.effect(
  Tenants,
  Effect.flatMap(StoreAccess, ({ read }) =>
    TenantPoll.make({
      revision: read("read tenants' revision", (store) => JSON.stringify(viewsOf(store, "Tenant"))),
      records: read("read tenants", (store) => viewsOf(store, "Tenant").map(([, doc]) => decodeTenant(doc)))
    })
  )
)

const unavailable = new ActorUnavailable({
  reason: "StoreUnavailable",
  message: "the store does not answer; try again",
  retryAfterMillis: 1_000
})

const tasks = Layer.effect(
  TaskRows,
  Effect.gen(function* () {
    const access = yield* StoreAccess
    const read = <A>(
      ask: (rows: TaskRows["Service"]) => Effect.Effect<A, ActorUnavailable>
    ): Effect.Effect<A, ActorUnavailable> =>
      access
        .read("read tasks", (store) =>
          Effect.runSync(
            Effect.flatMap(TaskRows, ask).pipe(
              Effect.provide(MemoryTaskRows.layer),
              Effect.provideService(MemoryStore, store)
            )
          )
        )
        .pipe(
          Effect.timeout(answerTimeout),
          Effect.mapError(() => unavailable)
        )
    return TaskRows.of({
      pending: (lane, after, limit) => read((rows) => rows.pending(lane, after, limit)),
      scheduled: (lane, after, limit) => read((rows) => rows.scheduled(lane, after, limit)),
      deadLettered: (lane, after, limit) => read((rows) => rows.deadLettered(lane, after, limit)),
      deadlines: (lane, limit) => read((rows) => rows.deadlines(lane, limit)),
      get: (lane, taskIds) => read((rows) => rows.get(lane, taskIds))
    })
  })
)

/** Never read: no output of a simulated run is long enough to be stored separately. */
const outputs = Layer.succeed(Outputs, MemoryOutputs.make())

const payloads = Layer.effect(
  Payloads,
  Effect.map(StoreAccess, (access) =>
    Payloads.of({
      of: (attempt) =>
        access
          .read("read payload", (store) =>
            Effect.runSync(
              Effect.flatMap(Payloads, (found) => found.of(attempt)).pipe(
                Effect.provide(MemoryPayloads.layer),
                Effect.provideService(MemoryStore, store)
              )
            )
          )
          .pipe(
            Effect.timeout(answerTimeout),
            Effect.mapError(() => unavailable)
          )
    })
  )
)

const heard = new WeakMap<MemoryStore["Service"], Map<string, number>>()

/** When each instance was last heard of, by the virtual store. */
const heardOf = (store: MemoryStore["Service"]): Map<string, number> => {
  let found = heard.get(store)
  if (found === undefined) heard.set(store, (found = new Map()))
  return found
}

/** Holds an instance as PgHeartbeats does; the fleet above judges by the runner's lease alone, so none are recorded. */
const heartbeats = Layer.effect(
  Heartbeats,
  Effect.gen(function* () {
    const access = yield* StoreAccess
    const confirmed = ({ entityId, epoch }: Holding) =>
      access.read(`confirm ${entityId}`, (store, _, { isOwned, now }) => {
        const is = [...store.actors.values()].some(
          ({ address }) =>
            address.entityType === "Instance" && address.entityId === entityId && isOwned(address.shardId, epoch)
        )
        if (is) heardOf(store).set(entityId, now)
        return is
      })
    return {
      hold: (holding) =>
        confirmed(holding).pipe(
          Effect.timeout(confirmedWithinMillis),
          Effect.flatMap((is) => (is ? holding.renew : Effect.void)),
          Effect.catchCause(() => Effect.flatMap(holding.isIdle, (idle) => (idle ? holding.renew : Effect.void))),
          Effect.repeat(Schedule.spaced(heartbeatMillis)),
          Effect.forkScoped,
          Effect.asVoid
        ),
      keep: () => Effect.succeed(Effect.never),
      silentMillis: (entityId) =>
        access
          .read(`last heard of ${entityId}`, (store, _, { now }) => {
            const at = heardOf(store).get(entityId)
            return at === undefined ? undefined : now - at
          })
          .pipe(Effect.timeout(answerTimeout), Effect.retry(Schedule.spaced("1 second")), Effect.orDie),
      isRetired: () => Effect.succeed(false)
    } satisfies HeartbeatsShape
  })
)

export const layer = Layer.mergeAll(fleet, tenants, tasks, outputs, payloads, heartbeats)
