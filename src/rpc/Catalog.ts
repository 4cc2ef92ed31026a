/**
 * What is public of Clawster: its actor types and its nouns. Of an actor type: the protocol, the events that its
 * journal holds, and the status that its view shows. Of a noun: the operations that clients may ask for. The feed's
 * events, the delivery of dead messages, the stored names that a test keeps, and every edge are derived from the two
 * lists. What only a runner loads is joined to them in entities/catalog/Actors.ts, and what only a gateway loads in
 * gateway/handlers/UseCaseTable.ts; their types ask for everything that is listed here.
 */
import type { Schema } from "effect"
import { InstanceEvent } from "../schema/events/InstanceEvents.ts"
import { LaneEvent } from "../schema/events/LaneEvents.ts"
import { SessionEvent } from "../schema/events/SessionEvents.ts"
import { TenantEvent } from "../schema/events/TenantEvents.ts"
import { InstanceStatus } from "../schema/Instance.ts"
import { LaneStatus } from "../schema/Lane.ts"
import { SessionStatus } from "../schema/Session.ts"
import { TenantRecord } from "../schema/Tenant.ts"
import { InstanceRpcs } from "./InstanceRpcs.ts"
import { LaneRpcs } from "./LaneRpcs.ts"
import { Instances } from "./operations/Instances.ts"
import { Keys } from "./operations/Keys.ts"
import { Lanes } from "./operations/Lanes.ts"
import { Messages } from "./operations/Messages.ts"
import type { AnyNoun } from "./operations/Operation.ts"
import { Sessions } from "./operations/Sessions.ts"
import { System } from "./operations/System.ts"
import { Tasks } from "./operations/Tasks.ts"
import { Tenants } from "./operations/Tenants.ts"
import { SessionRpcs } from "./SessionRpcs.ts"
import { TenantRpcs } from "./TenantRpcs.ts"

/** The schema of one event. */
export interface EventSchema {
  readonly fields: Schema.Struct.Fields & { readonly _tag: Schema.tag<string> }
}

interface PublicActor {
  /** With its placement, where it has one. */
  readonly rpcs: { readonly requests: ReadonlyMap<string, unknown> }
  readonly events: Schema.Top & { readonly members: ReadonlyArray<EventSchema> }
  readonly status: Schema.Top
}

/** By entity type, in the order in which API documents list the events. */
export const catalog = {
  Lane: { rpcs: LaneRpcs, events: LaneEvent, status: LaneStatus },
  Instance: { rpcs: InstanceRpcs, events: InstanceEvent, status: InstanceStatus },
  Session: { rpcs: SessionRpcs, events: SessionEvent, status: SessionStatus },
  Tenant: { rpcs: TenantRpcs, events: TenantEvent, status: TenantRecord }
} as const satisfies Readonly<Record<string, PublicActor>>

/** By the name of the noun, in the order of API documents. */
export const operations = {
  tasks: Tasks,
  instances: Instances,
  sessions: Sessions,
  lanes: Lanes,
  tenants: Tenants,
  keys: Keys,
  messages: Messages,
  system: System
} as const satisfies Readonly<Record<string, AnyNoun>>

export type ActorType = keyof typeof catalog

export type EventOf<Type extends ActorType> = (typeof catalog)[Type]["events"]["Type"]

export type StatusOf<Type extends ActorType> = (typeof catalog)[Type]["status"]["Type"]

/** Any event that some actor stores. */
export type ActorEvent = EventOf<ActorType>

/** The events of all actors, by entity type. */
export const eventSchemas: ReadonlyArray<readonly [type: ActorType, events: ReadonlyArray<EventSchema>]> =
  Object.entries(catalog).map(([type, { events }]) => [type as ActorType, events.members])

export const tagOf = ({ fields }: EventSchema): string => fields._tag.schema.literal
