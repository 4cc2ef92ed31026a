/**
 * Turns a definition into an actor of the cluster. A command travels as a volatile message with a request id. The
 * journal makes it durable, and the request id makes it effectively once.
 */
import { Clock, Duration, Effect, Layer, Option, type Scope } from "effect"
import { Entity, type EntityAddress, type ShardId, Sharding, ShardingConfig } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { keyedHeader, requestIdHeader, retryHeader } from "./Protocol.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { ActorDefinition, Handed, Outgoing } from "./Actor.ts"
import { ActorDirectory } from "./runtime/ActorDirectory.ts"
import type { AnswersKept } from "./state/ReplyCache.ts"
import type { Definition } from "./commit/PendingCommit.ts"
import * as Codec from "./state/Codec.ts"
import * as ViewCodec from "./state/ViewCodec.ts"
import * as ResourceLoader from "./state/ResourceLoader.ts"
import { Journal } from "./Journal.ts"
import * as ContextTrim from "./runtime/ContextTrim.ts"
import { Ownership } from "./Ownership.ts"
import { SecretBox } from "./SecretBox.ts"
import { Activation } from "./runtime/Activation.ts"
import type { ActivationOptions, Proposal } from "./runtime/ActivationOptions.ts"
import { ActivationDirectory } from "./runtime/ActivationDirectory.ts"
import { WakeScheduler } from "./runtime/WakeScheduler.ts"

/** What an activity may do with its actor. */
export interface Self<State, Signal> {
  readonly entityId: string
  /** Epoch under which this activation owns the shard. Pass it to outside systems as a fencing token. */
  readonly epoch: number
  /**
   * Sends a signal to the actor and waits for its commit. Success: the signal's events are committed.
   * `ActorUnavailable`: the actor is being dropped from memory and this activity with it; the signal may or may not
   * have been committed. Dies when the signal's handler throws or the store refuses its events; the activity is then
   * restarted with backoff.
   */
  readonly tell: (signal: Signal) => Effect.Effect<void, ActorUnavailable>
  /**
   * The same for an activity that has nothing left to do when its actor is dropped: it then waits for its interruption,
   * and the next activation starts it again if the state still wants it. Not for finalizers, which must end.
   */
  readonly report: (signal: Signal) => Effect.Effect<void>
  /** State as of the last commit. */
  readonly state: Effect.Effect<State>
  readonly committed: () => State
  /** Tells other actors what `tellTo` made (Send.ts), without a commit. Success: it is queued behind what is untold. */
  readonly tellOthers: (messages: ReadonlyArray<Outgoing>) => Effect.Effect<void>
  /** Whether this activation owns the shard now, by the runner's own clock. */
  readonly isOwner: () => boolean
}

/** Options of `layer`. */
export interface ShellOptions<State, Signal, Activity, R> {
  /**
   * Runs one activity. Several kinds are performed by a table: `performers` (Performers.ts). The scope closes
   * when it ends or is no longer wanted. It must attach to what an earlier owner of the shard began. An activity that
   * dies is restarted with backoff from 1 s up to 30 s while it is wanted; one that returns is not started again before
   * its key has left `activities(state)` and come back.
   */
  readonly perform?: (activity: Activity, self: Self<State, Signal>) => Effect.Effect<void, never, R>
  /**
   * Takes what decisions hand to the shell, in their order. It must not fail and should not wait: the replies wait for
   * it. An activity does the work.
   */
  readonly take?: (handed: ReadonlyArray<Handed>, self: Self<State, Signal>) => Effect.Effect<void, never, R>
  /**
   * Called after a batch of mail has been decided and before its commit: returns a signal to decide in the same commit.
   * It saves the extra commit and the delay of an activity that reports the same. It is an optimization: an activity
   * must report whatever `propose` misses, for example because it died. `state` is not committed yet.
   */
  readonly propose?: (state: State, now: number) => Effect.Effect<Proposal<Signal> | undefined, never, R>
  /**
   * Called once after each commit with its events, encoded, and the state before the commit. For counting and logging:
   * it must not fail and should not wait.
   */
  readonly onCommitted?: (events: ReadonlyArray<{ readonly _tag: string }>, before: State) => Effect.Effect<void>
  /**
   * Idle time after which the actor is passivated. An actor with background work in progress is never passivated. The
   * runner's own setting (`ShardingConfig.entityMaxIdleTime`) when absent.
   */
  readonly maxIdleTime?: Duration.Input
  /** Maximum number of mails decided into one commit; 256 when absent. */
  readonly maxBatch?: number
  /**
   * Maximum unanswered calls of one actor; 8,192 when absent. A call beyond it is retried by its client until its
   * timeout, and then fails with `ActorUnavailable`.
   */
  readonly mailboxCapacity?: number
  /**
   * Replies kept in memory for repeated requests; other recorded replies are looked up in the journal. 1,024 ids and 8
   * KiB of replies when absent.
   */
  readonly answersKept?: AnswersKept
}

/**
 * Layer that registers the actor with this runner: the cluster may place its shards here, and other actors' messages
 * and wake-ups reach it. It adds its activations to the `ActivationDirectory` when that service is in the context,
 * which makes them available to the fast path.
 */
export const layer = <
  Type extends string,
  Rpcs extends Rpc.Any,
  State,
  Event extends { readonly _tag: string },
  Signal extends { readonly _tag: string } = never,
  Activity extends { readonly key: string } = never,
  R = never
>(
  definition: ActorDefinition<Type, Rpcs, State, Event, Signal, Activity>,
  options: ShellOptions<State, Signal, Activity, R> = {}
) => {
  const entity = definition.entity as unknown as Entity.Entity<string, Rpc.Any>
  const { mailboxCapacity = 8_192 } = options

  const common = Effect.gen(function* () {
    const directory = yield* ActorDirectory
    const context = yield* Effect.context<R>()
    const journal = yield* Journal
    const codec = Codec.make(definition as unknown as Definition, yield* SecretBox)
    const { entityMaxIdleTime } = yield* ShardingConfig.ShardingConfig
    const activations = Option.getOrUndefined(yield* Effect.serviceOption(ActivationDirectory))
    return {
      definition: definition as unknown as Definition,
      codec,
      encodeView: definition.view && ViewCodec.make(definition.view),
      resources: definition.resource && (yield* ResourceLoader.make(entity.type, definition.resource)),
      journal:
        activations === undefined
          ? journal
          : {
              ...journal,
              load: (address, stateVersion) =>
                Effect.andThen(
                  activations.arrival(address.entityType, address.entityId),
                  journal.load(address, stateVersion)
                )
            },
      ownership: yield* Ownership,
      wakes: yield* WakeScheduler,
      deliver: directory.deliver,
      tell: directory.tell,
      hold: (entityId) => directory.hold(entity.type, entityId),
      perform: (activity, self) =>
        Effect.scoped(
          (options.perform?.(activity, self) ?? Effect.void) as Effect.Effect<void, never, R | Scope.Scope>
        ).pipe(Effect.provideContext(context)) as Effect.Effect<void>,
      take: options.take && ((handed, self) => Effect.provideContext(options.take!(handed, self), context)),
      propose: options.propose && ((state, now) => Effect.provideContext(options.propose!(state, now), context)),
      onCommitted: options.onCommitted,
      maxBatch: options.maxBatch ?? 256,
      mailboxCapacity,
      answersKept: options.answersKept ?? { number: 1_024, weight: 8_192 },
      quiet: new Set<string>(),
      freshMillis: Duration.toMillis(Duration.fromInputUnsafe(options.maxIdleTime ?? entityMaxIdleTime)) / 4,
      clock: yield* Clock.Clock,
      context
    } satisfies ActivationOptions as ActivationOptions
  })

  const registered = Layer.effectDiscard(
    Effect.gen(function* () {
      const directory = yield* ActorDirectory
      const wakes = yield* WakeScheduler
      yield* directory.register(definition as unknown as Definition)
      yield* wakes.register(entity.type, (entityId) => directory.wake(entity.type, entityId))
    })
  )

  const actor = Layer.effectDiscard(
    Effect.gen(function* () {
      const sharding = yield* Sharding.Sharding
      const activations = Option.getOrUndefined(yield* Effect.serviceOption(ActivationDirectory))
      const activate = activation(entity, yield* common, activations)
      yield* ContextTrim.run(
        sharding.registerEntity(entity, activate as never, {
          concurrency: "unbounded",
          mailboxCapacity,
          ...(options.maxIdleTime === undefined ? {} : { maxIdleTime: options.maxIdleTime })
        }) as Effect.Effect<void>,
        []
      )
    })
  )
  return registered.pipe(Layer.provideMerge(actor)) as unknown as Layer.Layer<
    never,
    never,
    | Exclude<R, Scope.Scope>
    | Journal
    | Ownership
    | WakeScheduler
    | ActorDirectory
    | Sharding.Sharding
    | ShardingConfig.ShardingConfig
  >
}

interface Request {
  readonly requestId: unknown
  readonly tag: string
  readonly headers: Record<string, string>
  readonly payload: any
}

/** All commands of an actor share one closure: there may be a hundred thousand actors in memory. */
const handlers = (entity: Entity.Entity<string, Rpc.Any>, resident: Activation) => {
  const handle = (request: Request) => answer(resident, request)
  const table: Record<string, typeof handle> = {}
  for (const tag of entity.protocol.requests.keys()) table[tag] = handle
  return table
}

/** Runs when the cluster delivers to an actor that is not in memory. */
const activation = (
  entity: Entity.Entity<string, Rpc.Any>,
  common: ActivationOptions,
  activations: ActivationDirectory["Service"] | undefined
) => {
  const shardNames = new Map<ShardId.ShardId, string>()
  const nameOf = (shardId: ShardId.ShardId): string => {
    const name = shardNames.get(shardId) ?? shardId.toString()
    shardNames.set(shardId, name)
    return name
  }
  const begin = ({ entityId, shardId }: EntityAddress.EntityAddress) => {
    const resident = new Activation(common, { entityType: entity.type, entityId, shardId: nameOf(shardId) })
    activations?.add(entity.type, entityId, resident)
    return resident
  }
  const end = (resident: Activation) =>
    Effect.suspend(() => {
      activations?.remove(entity.type, resident.entityId, resident)
      return resident.close
    })
  return Effect.map(Effect.acquireRelease(Effect.map(Entity.CurrentAddress, begin), end), (resident) =>
    handlers(entity, resident)
  )
}

const answer = (
  resident: Activation,
  { headers, payload, requestId, tag }: Request
): Effect.Effect<unknown, unknown> => {
  if (tag === "Wake") return Effect.andThen(resident.loaded, due(resident))
  if (tag === "Hold") return resident.idle
  return Effect.callback((resume) => {
    resident.refresh()
    resident.take({
      tag,
      payload,
      requestId: headers[requestIdHeader] ?? `call-${String(requestId)}`,
      fingerprint: headers[keyedHeader] ?? null,
      again: headers[retryHeader] !== undefined,
      resume
    })
  })
}

const due = (resident: Activation) =>
  Effect.callback<unknown, unknown>((resume) => resident.offer({ _tag: "Due", resume }))
