/**
 * The actors that are in memory here, for callers who need not go through the cluster's own delivery. An actor is found only while the cluster has
 * delivered to it lately: that is what keeps it from being put away as idle.
 */
import { Clock, Context, Effect, type Exit, Layer, type Scope } from "effect"
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
  readonly codecOf: (tag: string) => CommandCodec | undefined
  /** False: not taken, since the shard is not ours any more or the mailbox is full. */
  readonly ask: (asked: Asked) => boolean
}

interface Entry {
  readonly residence: Residence
  freshUntil: number
}

export class Residents extends Context.Service<Residents, {
  /** Until the scope closes. The returned function is to be called each time the cluster delivers. */
  readonly add: (
    entityType: string,
    entityId: string,
    freshMillis: number,
    residence: Residence
  ) => Effect.Effect<() => void, never, Scope.Scope>
  readonly find: (entityType: string, entityId: string) => Residence | undefined
}>()("clawster/actor/Residents") {
  static readonly layer = Layer.effect(
    Residents,
    Effect.map(Clock.Clock, (clock) => {
      const types = new Map<string, Map<string, Entry>>()
      const ofType = (entityType: string) => {
        const known = types.get(entityType) ?? new Map<string, Entry>()
        types.set(entityType, known)
        return known
      }
      return Residents.of({
        add: (entityType, entityId, freshMillis, residence) => {
          const actors = ofType(entityType)
          const entry: Entry = { residence, freshUntil: 0 }
          return Effect.acquireRelease(
            Effect.sync(() => {
              actors.set(entityId, entry)
              return () => void (entry.freshUntil = clock.currentTimeMillisUnsafe() + freshMillis)
            }),
            () =>
              Effect.sync(() => {
                if (actors.get(entityId) === entry) actors.delete(entityId)
              })
          )
        },
        find: (entityType, entityId) => {
          const entry = types.get(entityType)?.get(entityId)
          return entry !== undefined && clock.currentTimeMillisUnsafe() < entry.freshUntil ? entry.residence : undefined
        }
      })
    })
  )
}
