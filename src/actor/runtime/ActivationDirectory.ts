/**
 * The actors that are in memory here, for callers who need not go through the cluster's own delivery. An actor is found
 * only while the cluster has delivered to it lately: that is what keeps it from being put away as idle.
 *
 * It also knows who is away, so that what is stored of an actor can be removed while nobody here can write for it.
 */
import { Clock, Context, Effect, type Exit, Latch, Layer, type Scope } from "effect"
import type { CommandCodec } from "../state/Codec.ts"

/** A command as it reaches an actor. */
export interface IncomingCall {
  readonly tag: string
  readonly payload: any
  readonly requestId: string
  /** Of the payload, when the request id is a caller's idempotency key. */
  readonly fingerprint: string | null
  /** The journal may hold the answer already. */
  readonly again: boolean
  readonly resume: (answer: Exit.Exit<unknown, unknown>) => void
}

export interface ActivationHandle {
  /** Unix milliseconds: from then on it is not found. */
  readonly freshUntil: number
  readonly codecOf: (tag: string) => CommandCodec | undefined
  /** False: not taken, since the shard is not ours any more or the mailbox is full. */
  readonly ask: (asked: IncomingCall) => boolean
}

export class ActivationDirectory extends Context.Service<
  ActivationDirectory,
  {
    readonly add: (entityType: string, entityId: string, residence: ActivationHandle) => void
    /** Nothing, when another has taken its place. */
    readonly remove: (entityType: string, entityId: string, residence: ActivationHandle) => void
    readonly find: (entityType: string, entityId: string) => ActivationHandle | undefined
    readonly count: () => number
    /** Begins to watch that it stays away; until the scope closes. */
    readonly watchAway: (entityType: string, entityId: string) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Runs the effect if the actor is watched and has not been in memory since. One that comes meanwhile is not loaded
     * before the effect has ended (`arrival`).
     */
    readonly whileAway: <E, R>(
      entityType: string,
      entityId: string,
      effect: Effect.Effect<unknown, E, R>
    ) => Effect.Effect<void, E, R>
    /** Completes when the actor may load. */
    readonly arrival: (entityType: string, entityId: string) => Effect.Effect<void>
  }
>()("clawster/actor/runtime/ActivationDirectory") {
  static readonly layer = Layer.effect(
    ActivationDirectory,
    Effect.map(Clock.Clock, (clock) => make(clock))
  )
}

const make = (clock: Clock.Clock): ActivationDirectory["Service"] => {
  const types = new Map<string, Map<string, ActivationHandle>>()
  /** Those that are watched and have not come. */
  const away = new Set<string>()
  const held = new Map<string, Latch.Latch>()
  const keyOf = (entityType: string, entityId: string): string => `${entityType}/${entityId}`
  return {
    add: (entityType, entityId, residence) => {
      const actors = types.get(entityType) ?? new Map<string, ActivationHandle>()
      types.set(entityType, actors.set(entityId, residence))
      if (away.size > 0) away.delete(keyOf(entityType, entityId))
    },
    remove: (entityType, entityId, residence) => {
      const actors = types.get(entityType)
      if (actors?.get(entityId) === residence) actors.delete(entityId)
    },
    find: (entityType, entityId) => {
      const residence = types.get(entityType)?.get(entityId)
      return residence !== undefined && clock.currentTimeMillisUnsafe() < residence.freshUntil ? residence : undefined
    },
    count: () => [...types.values()].reduce((sum, { size }) => sum + size, 0),
    watchAway: (entityType, entityId) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const isHere = types.get(entityType)?.has(entityId) ?? false
          if (!isHere) away.add(keyOf(entityType, entityId))
        }),
        () => Effect.sync(() => away.delete(keyOf(entityType, entityId)))
      ),
    whileAway: (entityType, entityId, effect) =>
      Effect.suspend(() => {
        const key = keyOf(entityType, entityId)
        if (!away.delete(key)) return Effect.void
        const latch = Latch.makeUnsafe(false)
        held.set(key, latch)
        return Effect.ensuring(
          Effect.asVoid(effect),
          Effect.sync(() => {
            held.delete(key)
            latch.openUnsafe()
          })
        )
      }),
    arrival: (entityType, entityId) =>
      Effect.suspend(() =>
        held.size === 0 ? Effect.void : (held.get(keyOf(entityType, entityId))?.await ?? Effect.void)
      )
  }
}
