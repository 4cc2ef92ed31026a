/** The address of an actor as a value: whoever has it may send the actor a message. */
import { Schema } from "effect"

export const ActorRef = Schema.Struct({
  entityType: Schema.NonEmptyString,
  entityId: Schema.NonEmptyString
})
export type ActorRef = typeof ActorRef.Type
