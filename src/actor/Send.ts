import { Schema } from "effect"
import type { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import type { Outgoing } from "./Actor.ts"

/**
 * A message for another actor, sent after the commit that carries it. Delivered at least once, in the order sent
 * between the same two actors, and applied once. The receiver's answer only acknowledges it: what it has to say it
 * sends back.
 */
export const send = <Type extends string, Rpcs extends Rpc.Any, const Tag extends Rpcs["_tag"]>(
  entity: Entity.Entity<Type, Rpcs>,
  entityId: string,
  tag: Tag,
  payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>
): Outgoing => {
  const rpc = entity.protocol.requests.get(tag) as unknown as Rpc.AnyWithProps
  return {
    entityType: entity.type,
    entityId,
    tag,
    payload,
    encode: Schema.encodeUnknownSync(Schema.toCodecJson(rpc.payloadSchema) as unknown as Schema.Codec<unknown, unknown>)
  }
}
