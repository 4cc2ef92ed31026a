import type { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import type { ActorRef } from "../schema/ActorRef.ts"
import type { Outgoing } from "./Actor.ts"
import { encoder } from "./state/CompiledSchema.ts"
import { hasSecret } from "./state/SecretFields.ts"

/**
 * A message to another actor, relayed after the commit that stores it. Delivery is at-least-once and in order between
 * the same two actors; the receiver deduplicates by message id, so it is applied effectively once for as long as the
 * receiver's journal keeps the entry. The receiver's reply is only an acknowledgement and is discarded: a receiver that
 * has something to report sends a message back. A message that the receiver refuses, that its code throws on for two
 * minutes, that it has no command for, or whose effect the store cannot hold, is kept as a dead message
 * (DeadMessageRow.ts). One whose receiver was removed is dropped (Departed.ts).
 *
 * Throws when the command's payload has a secret (schema/Secret.ts), since messages are not encrypted. Encoding throws
 * when `payload` does not match the command's schema; nothing of the sending command is committed then.
 */
export const send = <Type extends string, Rpcs extends Rpc.Any, const Tag extends Rpcs["_tag"]>(
  entity: Entity.Entity<Type, Rpcs>,
  entityId: string,
  tag: Tag,
  payload: Rpc.Payload<Rpc.ExtractTag<Rpcs, Tag>>
): Outgoing => outgoing({ entityType: entity.type, entityId }, entity.protocol.requests.get(tag)!, payload)

/**
 * A message as by `sendTo` that is told and not stored, which costs no row: for what the sender's state implies anyway.
 * It is told after the commit, in order among all that is told to the same actor, again until the receiver has decided
 * it and for as long as `isWanted` says so of the sender's committed state. It is lost with the sender's activation:
 * the next one tells what `ActorDefinition.retells` says. So the receiver may hear it never, late or twice, and has to
 * know by its own state what it has heard. What it answers, also a refusal, is discarded, and a message on which its
 * code throws, or whose effect the store cannot hold, is dropped.
 */
export const tellTo = <R extends Rpc.Any, State>(
  to: ActorRef,
  rpc: R,
  payload: Rpc.Payload<R>,
  isWanted: (state: State) => boolean,
  onHeard?: () => void
): Outgoing => ({ ...outgoing(to, rpc, payload), told: { isWanted, ...(onHeard === undefined ? {} : { onHeard }) } })

/**
 * A message as by `send`, to an actor whose type the sender need not know: it names the command itself, as `command`
 * made it. The receiver's protocol should have that command; otherwise the message becomes a dead one.
 */
export const sendTo = <R extends Rpc.Any>(to: ActorRef, rpc: R, payload: Rpc.Payload<R>): Outgoing =>
  outgoing(to, rpc, payload)

const outgoing = ({ entityId, entityType }: ActorRef, rpc: Rpc.Any, payload: unknown): Outgoing => {
  const { _tag: tag, payloadSchema } = rpc as unknown as Rpc.AnyWithProps
  if (hasSecret(payloadSchema))
    throw new Error(`the message ${tag} has a secret, and messages are stored: leave it out`)
  return { entityType, entityId, tag, payload, encode: encoder(payloadSchema) }
}
