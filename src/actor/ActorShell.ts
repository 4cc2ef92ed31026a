/**
 * Turns a definition into an actor of the cluster. A command travels as a volatile message with a request id; what makes it durable is the
 * journal, and what makes it happen once is the id.
 */
import { Duration, Effect, Layer, Option, type Scope } from "effect"
import { Entity, type Sharding } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { keyedHeader, requestIdHeader, retryHeader } from "../rpc/ActorProtocol.ts"
import type { ActorUnavailable } from "../schema/Errors.ts"
import type { ActorDefinition } from "./Actor.ts"
import { ActorDirectory } from "./ActorDirectory.ts"
import type { Definition } from "./Batch.ts"
import * as Codec from "./Codec.ts"
import { Journal } from "./Journal.ts"
import { Ownership } from "./Ownership.ts"
import * as Resident from "./Resident.ts"
import { Residents } from "./Residents.ts"
import { Wakes } from "./Wakes.ts"

/** What an activity may do with its actor. */
export interface Self<State, Signal> {
  readonly entityId: string
  readonly epoch: number
  /** Success: the signal's events are committed. `ActorUnavailable`: the actor is being dropped, and this activity with it. */
  readonly tell: (signal: Signal) => Effect.Effect<void, ActorUnavailable>
  /** As of the last commit. */
  readonly state: Effect.Effect<State>
}

export interface ShellOptions<State, Signal, Activity, R> {
  /** Runs one activity. Its scope closes when it ends or is no longer wanted. It must attach to what an earlier owner began. */
  readonly perform?: (activity: Activity, self: Self<State, Signal>) => Effect.Effect<void, never, R>
  /** Told what was committed, once a commit, after it. For counting: it must not fail and should not wait. */
  readonly onCommitted?: (events: ReadonlyArray<{ readonly _tag: string }>) => Effect.Effect<void>
  /** Idle time after which the actor leaves memory; never while something is under way. */
  readonly maxIdleTime?: Duration.Input
  /** Commands that may share one commit. */
  readonly maxBatch?: number
  /** Unanswered calls an actor takes; beyond, the caller gets `ActorUnavailable`. */
  readonly mailboxCapacity?: number
  /** Answers kept in memory for repeated request ids; older ones are looked up. */
  readonly answersKept?: number
}

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
  const codec = Codec.make(definition as unknown as Definition)
  const entity = definition.entity as unknown as Entity.Entity<string, Rpc.Any>
  const { mailboxCapacity = 8_192, maxIdleTime = "2 minutes" } = options
  const idleMillis = Duration.toMillis(Duration.fromInputUnsafe(maxIdleTime))

  const activate = (quiet: Set<string>) => Effect.gen(function*() {
    const address = yield* Entity.CurrentAddress
    const journal = yield* Journal
    const directory = yield* ActorDirectory
    const context = yield* Effect.context<R>()
    const resident = yield* Resident.make({
      definition: definition as unknown as Definition,
      codec,
      address: { entityType: entity.type, entityId: address.entityId, shardId: address.shardId.toString() },
      journal,
      ownership: yield* Ownership,
      wakes: yield* Wakes,
      deliver: directory.deliver,
      hold: directory.hold(entity.type, address.entityId),
      perform: (activity, self) =>
        Effect.scoped((options.perform?.(activity, self) ?? Effect.void) as Effect.Effect<void, never, R | Scope.Scope>).pipe(
          Effect.provideContext(context)
        ) as Effect.Effect<void>,
      onCommitted: options.onCommitted,
      maxBatch: options.maxBatch ?? 256,
      mailboxCapacity,
      answersKept: options.answersKept ?? 1_024,
      quiet
    })
    const residents = yield* Effect.serviceOption(Residents)
    const delivered = Option.isNone(residents)
      ? () => {}
      : yield* residents.value.add(entity.type, address.entityId, idleMillis / 4, {
        codecOf: codec.command,
        ask: resident.askIfOpen
      })
    return handlers(entity, resident, delivered)
  })

  const registered = Layer.effectDiscard(Effect.gen(function*() {
    const directory = yield* ActorDirectory
    const wakes = yield* Wakes
    yield* directory.register(entity)
    yield* wakes.register(entity.type, (entityId) => directory.wake(entity.type, entityId))
  }))

  const actor = Layer.suspend(() =>
    entity.toLayer(activate(new Set()) as never, {
      concurrency: "unbounded",
      maxIdleTime,
      mailboxCapacity
    }) as Layer.Layer<never, never, any>
  )
  return registered.pipe(Layer.provideMerge(actor)) as unknown as Layer.Layer<
    never,
    never,
    | Exclude<R, Scope.Scope>
    | Journal
    | Ownership
    | Wakes
    | ActorDirectory
    | Sharding.Sharding
  >
}

interface Request {
  readonly requestId: unknown
  readonly tag: string
  readonly headers: Record<string, string>
  readonly payload: any
}

const handlers = (entity: Entity.Entity<string, Rpc.Any>, resident: Resident.Resident, delivered: () => void) => {
  const command = ({ headers, payload, requestId, tag }: Request) =>
    Effect.callback<unknown, unknown>((resume) => {
      delivered()
      resident.ask({
        tag,
        payload,
        requestId: headers[requestIdHeader] ?? `call-${String(requestId)}`,
        fingerprint: headers[keyedHeader] ?? null,
        again: headers[retryHeader] !== undefined,
        resume
      })
    })
  const table: Record<string, (request: Request) => Effect.Effect<unknown, unknown>> = {}
  for (const tag of entity.protocol.requests.keys()) table[tag] = command
  table["Wake"] = () => Effect.andThen(resident.loaded, due(resident))
  table["Hold"] = () => resident.idle
  return table
}

const due = (resident: Resident.Resident) =>
  Effect.callback<unknown, unknown>((resume) => resident.offer({ _tag: "Due", resume }))
