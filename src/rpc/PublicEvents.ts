/**
 * The public events: the events that actors store, without internal events and secrets, and the notices of the feed
 * itself. The feed's envelope (`FeedEvent`) has the same fields with an open payload, so that a client of an older
 * version can read a newer feed.
 */
import { Schema } from "effect"
import { type ActorEvent, type EventSchema, eventSchemas, tagOf } from "./Catalog.ts"
import { FeedEvent, isPublicTag } from "../schema/feed/Feed.ts"
import { FeedNotice } from "../schema/feed/FeedNotice.ts"

type Said = ActorEvent | FeedNotice

type Envelope = Omit<FeedEvent, "type" | "payload">

type Public<Event> = Event extends { readonly _tag: infer Tag extends string }
  ? Tag extends `${string}.internal_${string}`
    ? never
    : Envelope & { readonly type: Tag; readonly payload: Omit<Event, "_tag" | "secret"> }
  : never

export type PublicEvent = Public<Said>
export type PublicEventType = PublicEvent["type"]

const { payload: _, type: __, ...envelope } = FeedEvent.fields

const publicOf = (event: EventSchema) => {
  const { _tag, secret: _secret, ...payload } = event.fields
  const type = tagOf(event)
  return { type, schema: Schema.Struct({ ...envelope, type: Schema.Literal(type), payload: Schema.Struct(payload) }) }
}

const members = [...eventSchemas.flatMap(([, events]) => events), ...FeedNotice.members]
  .map(publicOf)
  .filter(({ type }) => isPublicTag(type))
  .map(({ schema, type }) => schema.annotate({ identifier: `Event.${type}` }))

/** The types of all public events. */
export const publicEventTypes: ReadonlyArray<string> = members.map(({ fields }) => fields.type.literal)

export const PublicEvent = Schema.Union(members).annotate({
  identifier: "Event",
  description: "What `/events` sends and a task's events list: one envelope, and a payload by type."
}) as unknown as Schema.Codec<PublicEvent, unknown>
