/**
 * A quicker way to an actor than the cluster's own, for one that is known to be in memory where it was last found. It
 * is a hint: what it cannot do is left to the cluster, and what makes a command happen once is its request id,
 * whichever way it went.
 */
import { Context, Effect, Exit, Layer } from "effect"
import { type Entity, EntityId, type Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { type CommandCodec, commands } from "../state/Codec.ts"
import { type IncomingCall, ActivationDirectory } from "../runtime/ActivationDirectory.ts"

export interface FastTarget {
  readonly entityType: string
  readonly entityId: string
  readonly shardId: () => string
  readonly codecOf: (tag: string) => CommandCodec | undefined
}

/** The actors of a type. */
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

/** The actor is not where it was thought to be; it has not seen the command. */
export class NotHere {
  readonly _tag = "Elsewhere"
}

export class FastPath extends Context.Service<
  FastPath,
  {
    /**
     * False: not taken; go by the cluster. True: `resume` will be called at most once: with the actor's answer; with a
     * failure `Elsewhere`; or with `ActorUnavailable`, when it may have seen the command. Never, when its connection
     * hangs: the caller needs a time limit.
     */
    readonly ask: (target: FastTarget, asked: IncomingCall) => boolean
  }
>()("clawster/actor/client/FastPath") {
  /** To actors of this process only. */
  static readonly layerLocal = Layer.effect(
    FastPath,
    Effect.map(ActivationDirectory, (residents) => ({ ask: askHere(residents) }))
  )
}

export const notHere = Exit.fail(new NotHere())

export const isNotHere = (error: unknown): error is NotHere => error instanceof NotHere

export const askHere =
  (residents: ActivationDirectory["Service"]): FastPath["Service"]["ask"] =>
  ({ entityId, entityType }, asked) =>
    residents.find(entityType, entityId)?.ask(asked) ?? false
