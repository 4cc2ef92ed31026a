/**
 * The actor types and what is public of each: the events that its journal holds, and the status that its view shows.
 * The feed's events, their metrics and the stored names that a test keeps are derived from it. What only a runner loads
 * is joined to it in entities/catalog/Actors.ts, whose types ask for every actor that is listed here.
 */
import type { Schema } from "effect"
import { InstanceEvent } from "./events/InstanceEvents.ts"
import { LaneEvent } from "./events/LaneEvents.ts"
import { SessionEvent } from "./events/SessionEvents.ts"
import { InstanceStatus } from "./Instance.ts"
import { LaneStatus } from "./Lane.ts"
import { SessionStatus } from "./Session.ts"

/** The schema of one event. */
export interface EventSchema {
  readonly fields: Schema.Struct.Fields & { readonly _tag: Schema.tag<string> }
}

interface Public {
  readonly events: Schema.Top & { readonly members: ReadonlyArray<EventSchema> }
  readonly status: Schema.Top
}

/** By entity type, in the order in which API documents list the events. */
export const catalog = {
  Lane: { events: LaneEvent, status: LaneStatus },
  Instance: { events: InstanceEvent, status: InstanceStatus },
  Session: { events: SessionEvent, status: SessionStatus }
} as const satisfies Readonly<Record<string, Public>>

export type ActorType = keyof typeof catalog

export type EventOf<Type extends ActorType> = (typeof catalog)[Type]["events"]["Type"]

export type StatusOf<Type extends ActorType> = (typeof catalog)[Type]["status"]["Type"]

/** Any event that some actor stores. */
export type ActorEvent = EventOf<ActorType>

/** The events of all actors, by entity type. */
export const eventSchemas: ReadonlyArray<readonly [type: ActorType, events: ReadonlyArray<EventSchema>]> =
  Object.entries(catalog).map(([type, { events }]) => [type as ActorType, events.members])

export const tagOf = ({ fields }: EventSchema): string => fields._tag.schema.literal
