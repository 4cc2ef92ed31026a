/**
 * A shorter path to an actor than the cluster's delivery, for an actor that is expected to be in memory where it was
 * last found. It is only a hint: a call it cannot deliver goes through the cluster, and the request id makes the
 * command effectively once on either path.
 */
import { Context, Effect, Exit, Layer } from "effect"
import { type Entity, EntityId, type Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { type CommandCodec, commands } from "../state/Codec.ts"
import { type IncomingCall, ActivationDirectory } from "../runtime/ActivationDirectory.ts"

/** An actor as the fast path addresses it. */
export interface FastTarget {
  readonly entityType: string
  readonly entityId: string
  readonly shardId: () => string
  readonly codecOf: (tag: string) => CommandCodec | undefined
}

/** Makes the targets of one entity type. */
export const targetsOf = (entity: Entity.Entity<string, Rpc.Any>, sharding: Sharding.Sharding["Service"]) => {
  const codecOf = commands(entity.protocol.requests)
  return (entityId: string): FastTarget => ({
    entityType: entity.type,
    entityId,
    shardId: () =>
      sharding.getShardId(EntityId.make(entityId), entity.getShardGroup(EntityId.make(entityId))).toString(),
    codecOf
  })
}

/** The actor is not in memory where it was expected. It has not seen the command. */
export class NotHere {
  readonly _tag = "Elsewhere"
}

export class FastPath extends Context.Service<
  FastPath,
  {
    /**
     * False: the call was not accepted and must go through the cluster. True: `resume` is called at most once, with the
     * actor's reply, with the failure `Elsewhere` (NotHere), or with `ActorUnavailable` when the actor may have seen
     * the command. It is never called when the connection hangs, so the caller needs a timeout.
     */
    readonly ask: (target: FastTarget, asked: IncomingCall) => boolean
  }
>()("clawster/actor/client/FastPath") {
  /** Reaches the actors of this process only. */
  static readonly layerLocal = Layer.effect(
    FastPath,
    Effect.map(ActivationDirectory, (activations) => ({ ask: askHere(activations) }))
  )
}

export const notHere = Exit.fail(new NotHere())

export const isNotHere = (error: unknown): error is NotHere => error instanceof NotHere

export const askHere =
  (activations: ActivationDirectory["Service"]): FastPath["Service"]["ask"] =>
  ({ entityId, entityType }, asked) =>
    activations.find(entityType, entityId)?.ask(asked) ?? false
