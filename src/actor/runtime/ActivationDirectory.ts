/**
 * The activations of this process, for callers that can bypass the cluster's delivery. Calls that bypass it do not
 * reset the cluster's idle timer, so an activation is found only for a while after the last delivery by the cluster:
 * the next call then goes through the cluster and keeps a busy actor from being passivated as idle.
 *
 * It also records which actors are not in memory, so that an actor's stored data can be removed while this process
 * cannot write for it.
 */
import { Clock, Context, Effect, type Exit, Latch, Layer, type Scope } from "effect"
import type { CommandCodec } from "../state/Codec.ts"

/** A command as it reaches an actor. */
export interface IncomingCall {
  readonly tag: string
  readonly payload: any
  readonly requestId: string
  /** Fingerprint of the payload, when the request id is a caller's idempotency key. */
  readonly fingerprint: string | null
  /** True on a retry: the journal may already hold the reply. */
  readonly again: boolean
  readonly resume: (answer: Exit.Exit<unknown, unknown>) => void
}

export interface ActivationHandle {
  /** Unix milliseconds. From then on the activation is not found. */
  readonly freshUntil: number
  readonly codecOf: (tag: string) => CommandCodec | undefined
  /** False: not accepted, because the shard is no longer owned or the mailbox is full. */
  readonly ask: (asked: IncomingCall) => boolean
}

export class ActivationDirectory extends Context.Service<
  ActivationDirectory,
  {
    readonly add: (entityType: string, entityId: string, residence: ActivationHandle) => void
    /** Does nothing when another activation has replaced this one. */
    readonly remove: (entityType: string, entityId: string, residence: ActivationHandle) => void
    readonly find: (entityType: string, entityId: string) => ActivationHandle | undefined
    readonly count: () => number
    /**
     * Marks the actor as away until the scope closes or the actor is activated. Does nothing when it is in memory now.
     */
    readonly watchAway: (entityType: string, entityId: string) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Runs the effect if the actor is marked as away and has not been activated since. An activation that starts
     * meanwhile waits in `arrival` and does not load before the effect has ended.
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
  /** Actors that are marked as away and have not been activated since. */
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
