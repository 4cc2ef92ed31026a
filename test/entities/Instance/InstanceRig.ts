/**
 * A place to try Instance and Session actors on: one runner in memory, the simulated fleet, a lane that keeps what it
 * is told.
 */
import { Effect, Layer, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Actor from "../../../src/actor/Actor.ts"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import * as ActorLayer from "../../../src/actor/ActorLayer.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { MemoryOwnershipControl } from "../../../src/actor/memory/MemoryOwnership.ts"
import { Instance } from "../../../src/entities/Instance.ts"
import { layer as instanceLayer } from "../../../src/entities/Instance/InstanceLayer.ts"
import { Lane } from "../../../src/entities/Lane.ts"
import type { InstanceDriver } from "../../../src/instances/InstanceDriver.ts"
import { layer as driversLayer } from "../../../src/instances/InstanceDriverSet.ts"
import * as RemoteDriver from "../../../src/instances/RemoteDriver.ts"
import * as MemoryPayloads from "../../../src/entities/Instance/MemoryPayloads.ts"
import * as MemoryOutputs from "../../../src/ports/MemoryOutputs.ts"
import * as SimulatedDriver from "../../../src/instances/SimulatedDriver.ts"
import { type FleetOptions, SimulatedFleet } from "../../../src/instances/simulated/SimulatedFleet.ts"
import type { GatewayConnector } from "../../../src/openclaw/GatewayLink.ts"
import type { Attempt, AttemptOutcome } from "../../../src/schema/runs/Attempt.ts"
import {
  InstanceId,
  instanceEntityId,
  laneEntityId,
  LaneName,
  Placement,
  TaskId,
  TenantId
} from "../../../src/schema/Ids.ts"
import type { InstanceSpec } from "../../../src/schema/Instance.ts"
import { instanceSpec } from "../../fixtures/InstanceSpecs.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

export const tenantId = TenantId.make("acme")
export const laneId = laneEntityId(tenantId, LaneName.make("default"))
export const placement = Placement.make("default")
export const entityIdOf = (instanceId: string) => instanceEntityId(placement, InstanceId.make(instanceId))

export interface Told {
  readonly tag: "AttemptEnded" | "AttemptRefused"
  readonly runKey: string
  readonly outcome?: AttemptOutcome
  readonly reason?: string
}

const TellEvent = Schema.TaggedStruct("told", { said: Schema.Any })
const hear = (tag: Told["tag"]) => (_: unknown, payload: object) =>
  Actor.accept([{ _tag: "told" as const, said: { tag, ...payload } }], undefined)

/** Keeps every report, in the order in which it came. */
export const listeningLane = Actor.define<ReadonlyArray<Told>, typeof TellEvent.Type>()({
  entity: Lane,
  state: Schema.Array(Schema.Any),
  event: TellEvent,
  stateVersion: 1,
  initial: () => [],
  evolve: (state, { said }) => [...state, said],
  commands: { AttemptEnded: hear("AttemptEnded"), AttemptRefused: hear("AttemptRefused") } as never
})

type MakeDriver = Effect.Effect<InstanceDriver, never, SimulatedFleet | GatewayConnector | Scope.Scope>
const makeDrivers: ReadonlyArray<MakeDriver> = [SimulatedDriver.make, RemoteDriver.make()]

const drivers = (options: FleetOptions) =>
  driversLayer(makeDrivers).pipe(
    Layer.provide(SimulatedFleet.connector),
    Layer.provideMerge(SimulatedFleet.layer({ resumeAfterMillis: 1_000, ...options }))
  )

/** What instances need of a runner in memory. */
export const outside = (options: FleetOptions = {}) =>
  Layer.mergeAll(drivers(options), MemoryOutputs.layer, MemoryPayloads.layer)

export const instances = (options: FleetOptions = {}) =>
  Layer.mergeAll(instanceLayer, ActorLayer.layer(listeningLane)).pipe(Layer.provideMerge(outside(options)))

export const withInstances = (options: FleetOptions = {}) =>
  Effect.provide(Layer.provideMerge(instances(options), MemoryCluster.layer))

export const instance = (instanceId: string) =>
  Effect.map(ActorClient.make(Instance), (client) => client(entityIdOf(instanceId)))

export const events = (type: "Instance" | "Session" | "Lane", entityId: string) =>
  Effect.map(MemoryStore, (store) =>
    (store.actors.get(`${type}/${entityId}`)?.entries ?? []).flatMap(({ events }) => events as ReadonlyArray<any>)
  )

export const instanceEvents = (instanceId: string) => events("Instance", entityIdOf(instanceId))

export const told: Effect.Effect<ReadonlyArray<Told>, never, MemoryStore> = Effect.map(events("Lane", laneId), (all) =>
  all.map(({ said }) => said)
)

export const attempt = (task: string, message: string, more: Partial<Attempt> = {}): Attempt => ({
  runKey: `${task}.1`,
  origin: { entityType: "Lane", entityId: laneId },
  tenantId,
  taskId: TaskId.make(task),
  sessionKey: `agent:main:acme-${task}`,
  message,
  timeoutMillis: 60_000,
  ...more
})

/** How the gateway knows the attempt. */
export const gatewayKey = (task: string) => `Lane:acme:default:${task}.1`

export const untilPhase = (instanceId: string, phase: string) =>
  Effect.flatMap(instance(instanceId), (client) =>
    untilVirtually(
      `${instanceId} is ${phase}`,
      Effect.map(Effect.orDie(client.InstanceGet()), (status) => status.phase === phase)
    )
  )

export const untilTold = (count: number) =>
  untilVirtually(
    `${count} reports`,
    Effect.map(told, ({ length }) => length >= count)
  )

/**
 * As if another runner had taken the instance over: what it had under way here is interrupted, and begun again by the
 * new owner.
 */
export const moveAway = (instanceId: string) =>
  Effect.gen(function* () {
    const store = yield* MemoryStore
    const control = yield* MemoryOwnershipControl
    yield* control.revoke(store.actors.get(`Instance/${entityIdOf(instanceId)}`)!.address.shardId)
    const client = yield* instance(instanceId)
    yield* Effect.forkChild(Effect.ignore(client.InstanceGet()))
    yield* TestClock.adjust(200)
  })

export const started = (instanceId: string, overrides: Partial<InstanceSpec> = {}) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(1)
    const client = yield* instance(instanceId)
    yield* client.Register({ spec: instanceSpec(instanceId, overrides) })
    yield* untilVirtually(
      `${instanceId} grants slots`,
      Effect.map(Effect.orDie(client.InstanceGet()), ({ grantsSlots }) => grantsSlots === true)
    )
    return client
  })
