/** Sessions beside real Instance actors: the fleet is read from the views that the instances wrote. */
import { Effect, Layer, Schema, Stream } from "effect"
import * as ActorClient from "../../../src/actor/ActorClient.ts"
import { MemoryStore } from "../../../src/actor/memory/MemoryJournal.ts"
import { Fleet } from "../../../src/ports/Fleet.ts"
import { Session } from "../../../src/entities/Session.ts"
import { layer as sessionLayer } from "../../../src/entities/Session/SessionLayer.ts"
import type { FleetOptions } from "../../../src/instances/simulated/SimulatedFleet.ts"
import { SessionId, sessionEntityId } from "../../../src/schema/Ids.ts"
import { InstanceStatus } from "../../../src/schema/Instance.ts"
import * as MemoryCluster from "../../fixtures/memory/MemoryCluster.ts"
import { events, instances, tenantId } from "../Instance/InstanceRig.ts"
import { untilVirtually } from "../../fixtures/VirtualTime.ts"

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(InstanceStatus))

export const fleetOfViews = Layer.effect(
  Fleet,
  Effect.map(MemoryStore, (store) => ({
    snapshot: Effect.sync(() =>
      [...store.actors].flatMap(([key, { view }]) =>
        key.startsWith("Instance/") && view !== undefined && view.doc !== null ? [decode(view.doc)] : []
      )
    ),
    changes: Stream.never
  }))
)

export const withSessions = (options: FleetOptions = {}) =>
  Effect.provide(
    Layer.mergeAll(instances(options), sessionLayer.pipe(Layer.provide(fleetOfViews))).pipe(
      Layer.provideMerge(MemoryCluster.layer)
    )
  )

export const sessionEntity = (sessionId: string) => sessionEntityId(tenantId, SessionId.make(sessionId))

export const session = (sessionId: string) =>
  Effect.map(ActorClient.make(Session), (client) => client(sessionEntity(sessionId)))

export const sessionEvents = (sessionId: string) => events("Session", sessionEntity(sessionId))

export const created = (sessionId: string) =>
  Effect.gen(function* () {
    const client = yield* session(sessionId)
    yield* client.SessionCreate({ hints: {} })
    return client
  })

export const turn = (turnId: string, message = turnId, timeoutMillis = 60_000) => ({ turnId, message, timeoutMillis })

export const untilTurn = (sessionId: string, turnId: string, phase: string) =>
  Effect.flatMap(session(sessionId), (client) =>
    untilVirtually(
      `turn ${turnId} is ${phase}`,
      Effect.map(Effect.orDie(client.TurnGet({ turnId })), (status) => status.phase === phase)
    )
  )
