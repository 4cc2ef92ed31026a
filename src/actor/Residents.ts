/**
 * The actors that are in memory here, for callers who need not go through the cluster's own delivery. An actor is found only while the cluster has
 * delivered to it lately: that is what keeps it from being put away as idle.
 */
import { Clock, Context, Effect, type Exit, Layer } from "effect"
import type { CommandCodec } from "./Codec.ts"

/** A command as it reaches an actor. */
export interface Asked {
  readonly tag: string
  readonly payload: any
  readonly requestId: string
  /** Of the payload, when the request id is a caller's idempotency key. */
  readonly fingerprint: string | null
  /** The journal may hold the answer already. */
  readonly again: boolean
  readonly resume: (answer: Exit.Exit<unknown, unknown>) => void
}

export interface Residence {
  /** Unix milliseconds: from then on it is not found. */
  readonly freshUntil: number
  readonly codecOf: (tag: string) => CommandCodec | undefined
  /** False: not taken, since the shard is not ours any more or the mailbox is full. */
  readonly ask: (asked: Asked) => boolean
}

export class Residents extends Context.Service<Residents, {
  readonly add: (entityType: string, entityId: string, residence: Residence) => void
  /** Nothing, when another has taken its place. */
  readonly remove: (entityType: string, entityId: string, residence: Residence) => void
  readonly find: (entityType: string, entityId: string) => Residence | undefined
}>()("clawster/actor/Residents") {
  static readonly layer = Layer.effect(
    Residents,
    Effect.map(Clock.Clock, (clock) => {
      const types = new Map<string, Map<string, Residence>>()
      return Residents.of({
        add: (entityType, entityId, residence) => {
          const actors = types.get(entityType) ?? new Map<string, Residence>()
          types.set(entityType, actors.set(entityId, residence))
        },
        remove: (entityType, entityId, residence) => {
          const actors = types.get(entityType)
          if (actors?.get(entityId) === residence) actors.delete(entityId)
        },
        find: (entityType, entityId) => {
          const residence = types.get(entityType)?.get(entityId)
          return residence !== undefined && clock.currentTimeMillisUnsafe() < residence.freshUntil ? residence : undefined
        }
      })
    })
  )
}
