/**
 * Each actor type of rpc/Catalog.ts with its definition and its layer. Runners, the simulated fleet and the tests of
 * what is stored take the actors from here. An actor that is missing, or whose definition does not store the events and
 * show the status of its entry there, is a type error.
 */
import { Layer } from "effect"
import type { Entity } from "effect/cluster"
import type { JsonCodec } from "../../actor/Actor.ts"
import type { ActorType, EventOf, StatusOf } from "../../rpc/Catalog.ts"
import type { Table } from "../../schema/tables/Table.ts"
import { InstanceActor } from "../Instance/InstanceActor.ts"
import * as InstanceLayer from "../Instance/InstanceLayer.ts"
import { LaneActor } from "../Lane/LaneActor.ts"
import * as LaneLayer from "../Lane/LaneLayer.ts"
import { SessionActor } from "../Session/SessionActor.ts"
import * as SessionLayer from "../Session/SessionLayer.ts"
import { TenantActor } from "../Tenant/TenantActor.ts"
import * as TenantLayer from "../Tenant/TenantLayer.ts"

/** What an actor of this type must be. */
export interface ActorOf<Type extends ActorType> {
  readonly definition: {
    readonly entity: Entity.Entity<Type, any>
    readonly event: JsonCodec<EventOf<Type>>
    readonly view?: { readonly schema: JsonCodec<StatusOf<Type>> }
  }
  readonly layer: Layer.Layer<never, never, any>
}

export type ActorsByType = { readonly [Type in ActorType]: ActorOf<Type> }

const all = {
  Lane: { definition: LaneActor, layer: LaneLayer.layer },
  Instance: { definition: InstanceActor, layer: InstanceLayer.layer },
  Session: { definition: SessionActor, layer: SessionLayer.layer },
  Tenant: { definition: TenantActor, layer: TenantLayer.layer }
} as const

/** Compared here and not where it is written: what is asked of a layer must not decide what it is said to require. */
export const actors = all satisfies ActorsByType

export const definitions = Object.values(actors).map(({ definition }) => definition)

/** The tables that they write. */
export const tables: ReadonlyArray<Table> = definitions.flatMap(
  (definition: { readonly tables?: ReadonlyArray<Table> }) => definition.tables ?? []
)

type Requires = Layer.Services<(typeof actors)[ActorType]["layer"]>

const layers: ReadonlyArray<Layer.Layer<never, never, Requires>> = Object.values(actors).map(({ layer }) => layer)

/** All actors on a runner. */
export const layer = layers.reduce((all, one) => Layer.merge(all, one))
